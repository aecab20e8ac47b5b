import helmet from '@fastify/helmet'
import fp from 'fastify-plugin'

/** Headers of every answer, errors included. Pages bring a wider Content-Security-Policy of their own. */
export default fp<{ https: boolean }>(async (app, { https }) => {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: https && { maxAge: 31_536_000, includeSubDomains: true },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginResourcePolicy: { policy: 'same-origin' }
  })
}, { name: 'security-headers' })
