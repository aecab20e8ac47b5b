import { request } from 'node:http'
import { request as requestSecurely } from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { addressOf } from './target.js'

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
  /** What to connect to, where the URL's name does not lead there. */
  host?: string
  /** PEM of the authority that signed the certificate, when the system does not trust it. */
  ca?: string
}

/** One request on a connection of its own. @throws when there was no answer */
export async function send (url: URL, { method = 'GET', headers = {}, body, source, host = addressOf(url), ca }: HttpRequest): Promise<HttpAnswer> {
  const make = url.protocol === 'https:' ? requestSecurely : request
  const payload = body === undefined ? '' : JSON.stringify(body)
  return await new Promise((resolve, reject) => {
    make({
      host,
      servername: url.hostname,
      port: url.port,
      path: url.pathname + url.search,
      method,
      agent: false,
      headers: { host: url.host, ...body === undefined ? {} : { 'content-type': 'application/json' }, 'content-length': Buffer.byteLength(payload), ...headers },
      ...source === undefined || !host.startsWith('127.') ? {} : { localAddress: source },
      ...ca === undefined ? {} : { ca }
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
