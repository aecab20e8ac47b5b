import { Type } from '@fastify-uws-auth/auth-contract'
import type { RevocationFeed } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'

const Check = Type.Enum(['ok', 'failing'])
const ReadyResponse = Type.Object({
  status: Type.Enum(['ready', 'not_ready', 'draining']),
  checks: Type.Object({ postgres: Check, revocations: Check })
})

export interface HealthOptions { feed: RevocationFeed }

export const healthRoutes: FastifyPluginAsyncTypebox<HealthOptions> = async (app, { feed }) => {
  // Anybody may ask, so all who ask at once share one query.
  let probing: Promise<'ok' | 'failing'> | undefined
  const probe = (): Promise<'ok' | 'failing'> => {
    probing ??= app.pool.query('select 1').then(() => 'ok' as const, () => 'failing' as const).finally(() => { probing = undefined })
    return probing
  }

  app.get('/health', {
    schema: { summary: 'Alive as long as it answers', tags: ['operations'], response: { 200: Type.Object({ status: Type.Literal('ok'), uptime: Type.Number({ description: 'Seconds' }) }) } },
    config: { rateLimit: false }
  }, async () => ({ status: 'ok' as const, uptime: process.uptime() }))

  app.get('/ready', {
    schema: { summary: 'Whether requests can be answered, and what is missing', tags: ['operations'], response: { 200: ReadyResponse, 503: ReadyResponse } },
    config: { rateLimit: false }
  }, async (_request, reply) => {
    const checks = {
      postgres: await probe(),
      revocations: feed.isStale() ? 'failing' as const : 'ok' as const
    }
    const draining = app.isDraining()
    const ready = !draining && Object.values(checks).every(check => check === 'ok')
    if (!ready) reply.header('retry-after', 1)
    return reply.code(ready ? 200 : 503).header('cache-control', 'no-store').send({ status: ready ? 'ready' : draining ? 'draining' : 'not_ready', checks })
  })
}
