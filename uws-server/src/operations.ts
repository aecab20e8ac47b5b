import { jsonAnswer, problemAnswer, type HttpAnswer } from './http-answer.js'

/** What decides whether this process may be sent sockets. */
export interface Readiness { revocationsAreFresh: boolean, draining: boolean }

/** What plain HTTP gets from the socket server: whether it lives, whether it may be sent sockets, and how to speak to it. */
export function answerHttp (method: string, path: string, requestId: string, readiness: () => Readiness): HttpAnswer {
  if (path === '/ws') return problemAnswer('upgrade_required', requestId)
  if (path !== '/health' && path !== '/ready') return problemAnswer('not_found', requestId)
  if (method !== 'get' && method !== 'head') return problemAnswer('method_not_allowed', requestId)
  if (path === '/health') return jsonAnswer(200, { status: 'ok', uptime: process.uptime() })
  const { revocationsAreFresh, draining } = readiness()
  const ready = revocationsAreFresh && !draining
  const status = ready ? 'ready' : draining ? 'draining' : 'not_ready'
  return jsonAnswer(ready ? 200 : 503, { status, checks: { revocations: revocationsAreFresh ? 'ok' : 'failing' } })
}
