import { createServer, type Server, type ServerResponse } from 'node:http'
import { pathOf } from './log-options.js'
import type { Meter } from './meter.js'
import { StartupError } from './startup-error.js'

export interface MetricsServerOptions {
  meter: Meter
  host: string
  /** `METRICS_PORT`; nothing listens without it. */
  port: number | undefined
}

/**
 * Answers `GET /metrics` on a port of its own, which the proxy in front does not forward.
 * @returns how to stop it
 * @throws {StartupError} when the port cannot be had
 */
export async function startMetricsServer ({ meter, host, port }: MetricsServerOptions): Promise<{ close: () => Promise<void> }> {
  if (port === undefined) return { close: async () => {} }
  const server = createServer({ requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 65_000 }, (request, response) => {
    request.resume()                                  // a body is of no interest
    if (request.method !== 'GET' || pathOf(request.url ?? '') !== '/metrics') return answer(response, 404, 'text/plain', '')
    meter.render().then(
      ({ contentType, text }) => answer(response, 200, contentType, text),
      () => answer(response, 500, 'text/plain', 'not everything could be measured\n'))
  })
  server.maxConnections = 20
  await listen(server, host, port)
  return { close: () => close(server) }
}

function answer (response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text), 'x-content-type-options': 'nosniff' }).end(text)
}

async function listen (server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err: NodeJS.ErrnoException) => reject(new StartupError(`METRICS_PORT: cannot listen on ${host}:${port} (${err.code})`)))
    server.listen({ host, port, exclusive: true }, resolve)
  })
}

async function close (server: Server): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}
