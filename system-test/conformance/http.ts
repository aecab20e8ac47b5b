import { request } from 'node:http'
import { request as requestSecurely } from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'

export interface HttpAnswer {
  status: number
  headers: IncomingHttpHeaders
  /** The body's members; empty when it is not a JSON object. */
  body: Record<string, unknown>
}

export interface HttpRequest {
  method?: string
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
  /** The address to come from. */
  source?: string | undefined
}

/** One request on a connection of its own. @throws when there was no answer */
export async function send (url: URL, { method = 'GET', headers = {}, body, source }: HttpRequest): Promise<HttpAnswer> {
  const make = url.protocol === 'https:' ? requestSecurely : request
  const payload = body === undefined ? '' : JSON.stringify(body)
  return await new Promise((resolve, reject) => {
    make({
      host: url.hostname === 'localhost' ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, ''),
      servername: url.hostname,
      port: url.port,
      path: url.pathname + url.search,
      method,
      agent: false,
      headers: { host: url.host, ...body === undefined ? {} : { 'content-type': 'application/json' }, 'content-length': Buffer.byteLength(payload), ...headers },
      ...source === undefined || !/^(localhost|127\.)/.test(url.hostname) ? {} : { localAddress: source }
    }, response => {
      text(response).then(answer => resolve({ status: response.statusCode!, headers: response.headers, body: parse(answer) }), reject)
    }).on('error', reject).end(payload)
  })
}

/** The members of a JSON object; none when it is something else. */
export function parse (json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {}
  } catch {
    return {}
  }
}
