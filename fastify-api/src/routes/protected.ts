import { AuthError, Type } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { LRUCache } from 'lru-cache'
import { findUsername } from '../db/users.js'
import { User, problems } from './schemas.js'

const ProtectedResponse = Type.Object({
  message: Type.String(),
  user: User,
  session: Type.Object({ id: Type.String({ format: 'uuid' }) })
})

// Usernames never change, so remembering them cannot mislead.
const REMEMBERED_USERNAMES = 10_000

export const protectedRoute: FastifyPluginAsyncTypebox = async app => {
  const usernames = new LRUCache<string, string>({
    max: REMEMBERED_USERNAMES,
    fetchMethod: userId => findUsername(app.pool, userId)
  })
  app.get('/protected', {
    schema: { summary: 'An example of an endpoint behind an access token', tags: ['account'], security: [{ bearer: [] }], response: { 200: ProtectedResponse, ...problems(400, 401, 429, 503) } },
    preValidation: app.authenticate
  }, async request => {
    const { subject, sessionId } = request.principal!
    const username = usernames.get(subject) ?? await usernames.fetch(subject)
    if (username === undefined) throw new AuthError('invalid_token')      // the account is gone
    return { message: `Hello ${username}, your access token is good.`, user: { id: subject, username }, session: { id: sessionId } }
  })
}
