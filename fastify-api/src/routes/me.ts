import { AuthError, Type } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { findAccount } from '../db/users.js'
import { User, problems } from './schemas.js'

const AccountResponse = Type.Object({
  ...User.properties,
  email: Type.Union([Type.String(), Type.Null()]),
  createdAt: Type.String({ format: 'date-time' }),
  passwordChangedAt: Type.String({ format: 'date-time' })
})

export const meRoute: FastifyPluginAsyncTypebox = async app => {
  app.get('/me', {
    schema: { summary: 'The account of the access token', tags: ['account'], security: [{ bearer: [] }], response: { 200: AccountResponse, ...problems(400, 401, 429, 503) } },
    preValidation: app.authenticate
  }, async (request, reply) => {
    const account = await findAccount(app.pool, request.principal!.subject)
    if (account === undefined) throw new AuthError('invalid_token')       // the account is gone
    reply.header('cache-control', 'no-store')
    return { ...account, createdAt: account.createdAt.toISOString(), passwordChangedAt: account.passwordChangedAt.toISOString() }
  })
}
