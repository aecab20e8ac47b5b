// The API as its server.ts puts it together, with one route more: as many bytes as /api/protected answers, serialised by
// a schema of the same form, for anybody who asks; or, with VERIFIED_TOKENS, for whom @fastify/jwt lets in, which then
// remembers that many tokens.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { announceReady, closeOnSignal, logOptions } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import { buildApp } from '../../fastify-api/dist/app.js'
import { startHashWorkers } from '../../fastify-api/dist/auth/hash-workers.js'
import { loadApiConfig } from '../../fastify-api/dist/config.js'
import { openResources } from '../../fastify-api/dist/resources.js'
import { apiStopsWithinMs } from '../../fastify-api/dist/stop-time.js'
import { ANSWER, answerTo } from '../peers/answer.mjs'

const ID = '00000000-0000-4000-8000-000000000000'
const NOBODY = { sub: ID, sid: ID }

const { VERIFIED_TOKENS } = process.env
const config = loadApiConfig(process.env)
const log = pino(logOptions('fastify-api', config.LOG_LEVEL))
const resources = await openResources(config, log, startHashWorkers)
const app = await buildApp(resources)
if (VERIFIED_TOKENS !== undefined) {
  await app.register(createRequire(new URL('../peers/', import.meta.url))('@fastify/jwt'), {
    secret: { public: readFileSync(config.PUBLIC_KEY_PATH, 'utf8') },
    verify: { algorithms: ['RS256'], allowedIss: config.JWT_ISSUER, allowedAud: config.JWT_AUDIENCE, cache: Number(VERIFIED_TOKENS) }
  })
}
app.get('/api/beside', {
  schema: { response: { 200: ANSWER } },
  ...VERIFIED_TOKENS === undefined ? {} : { preValidation: request => request.jwtVerify() }
}, async request => answerTo(request.user ?? NOBODY))
closeOnSignal(log, apiStopsWithinMs(config), async () => {
  await app.close()
  await resources.close()
})
await app.listen({ host: config.HOST, port: config.PORT })
announceReady()
