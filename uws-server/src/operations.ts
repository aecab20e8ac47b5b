import { randomUUID } from 'node:crypto'
import { jsonAnswer, problemAnswer, type HttpAnswer } from './http-answer.js'

/** What plain HTTP gets from the socket server: whether it lives, whether it may be sent sockets, and how to speak to it. */
export function answerHttp (method: string, path: string, isStale: () => boolean): HttpAnswer {
  if (path === '/ws') return problemAnswer('upgrade_required', randomUUID())
  if (path !== '/health' && path !== '/ready') return problemAnswer('not_found', randomUUID())
  if (method !== 'get' && method !== 'head') return problemAnswer('method_not_allowed', randomUUID())
  if (path === '/health') return jsonAnswer(200, { status: 'ok', uptime: process.uptime() })
  const ready = !isStale()
  return jsonAnswer(ready ? 200 : 503, { status: ready ? 'ready' : 'not_ready', checks: { revocations: ready ? 'ok' : 'failing' } })
}
