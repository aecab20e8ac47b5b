// The API as its server.ts puts it together, with one route more: as many bytes as /api/protected answers, serialised by
// a schema of the same form, for anybody who asks.
import { announceReady, closeOnSignal, logOptions } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import { buildApp } from '../../fastify-api/dist/app.js'
import { startHashWorkers } from '../../fastify-api/dist/auth/hash-workers.js'
import { loadApiConfig } from '../../fastify-api/dist/config.js'
import { openResources } from '../../fastify-api/dist/resources.js'
import { apiStopsWithinMs } from '../../fastify-api/dist/stop-time.js'

const ID = '00000000-0000-4000-8000-000000000000'
const TEXT = { type: 'string' }
const SCHEMA = {
  type: 'object',
  properties: {
    message: TEXT,
    user: { type: 'object', properties: { id: TEXT, username: TEXT }, required: ['id', 'username'] },
    session: { type: 'object', properties: { id: TEXT }, required: ['id'] }
  },
  required: ['message', 'user', 'session']
}

const config = loadApiConfig(process.env)
const log = pino(logOptions('fastify-api', config.LOG_LEVEL))
const resources = await openResources(config, log, startHashWorkers)
const app = await buildApp(resources)
app.get('/api/without-authentication', { schema: { response: { 200: SCHEMA } } }, async () =>
  ({ message: 'Hello user1000, your access token is good.', user: { id: ID, username: 'user1000' }, session: { id: ID } }))
closeOnSignal(log, apiStopsWithinMs(config), async () => {
  await app.close()
  await resources.close()
})
await app.listen({ host: config.HOST, port: config.PORT })
announceReady()
