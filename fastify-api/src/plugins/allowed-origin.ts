import { AuthError } from '@fastify-uws-auth/auth-contract'
import type { onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance { requireAllowedOrigin: onRequestHookHandler }
}

/**
 * Guards every endpoint that reads or sets the refresh cookie. An Origin must be on the list, and `null` never is;
 * without one, Sec-Fetch-Site must be absent (curl) or `same-origin`.
 */
export default fp<{ allowedOrigins: readonly string[] }>(async (app, { allowedOrigins }) => {
  const allowed = new Set(allowedOrigins)
  app.decorate('requireAllowedOrigin', (request, _reply, done) => {
    const { origin, 'sec-fetch-site': site } = request.headers
    const permitted = origin === undefined ? site === undefined || site === 'same-origin' : allowed.has(origin)
    done(permitted ? undefined : new AuthError('origin_not_allowed', { detail: 'Add the origin to ALLOWED_ORIGINS if the page is yours.' }))
  })
}, { name: 'allowed-origin' })
