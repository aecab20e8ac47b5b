import { Type, toJwks, type PublicKeys } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { problems } from './schemas.js'

const Jwk = Type.Object({
  kty: Type.String(), n: Type.String(), e: Type.String(), kid: Type.String(), use: Type.String(), alg: Type.String()
})

export interface JwksOptions { publicKeys: PublicKeys }

/** RFC 7517. Cached for less than a new key waits before it signs. */
export const jwksRoute: FastifyPluginAsyncTypebox<JwksOptions> = async (app, { publicKeys }) => {
  app.get('/.well-known/jwks.json', {
    schema: { summary: 'The keys that verify access tokens', tags: ['keys'], response: { 200: Type.Object({ keys: Type.Array(Jwk) }), ...problems(429) } }
  }, async (_request, reply) => {
    reply.header('cache-control', 'public, max-age=30')
    return toJwks(publicKeys, Date.now())
  })
}
