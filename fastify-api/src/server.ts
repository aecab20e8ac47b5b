import { StartupError, announceReady, closeOnSignal, exitOnStartupError, logOptions, startMetricsServer } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import { buildApp } from './app.js'
import { startHashWorkers } from './auth/hash-workers.js'
import { loadApiConfig } from './config.js'
import { openResources } from './resources.js'
import { apiStopsWithinMs } from './stop-time.js'

const PORT_ERRORS = new Set<string | undefined>(['EADDRINUSE', 'EACCES'])

async function main (): Promise<void> {
  const config = loadApiConfig(process.env)
  const log = pino(logOptions('fastify-api', config.LOG_LEVEL))
  const resources = await openResources(config, log, startHashWorkers)
  const app = await buildApp(resources)
  const metricsServer = await startMetricsServer({ meter: resources.meter, host: config.HOST, port: config.METRICS_PORT })
  closeOnSignal(log, apiStopsWithinMs(config), async () => {
    await app.close()             // requests in flight finish first; they need the resources
    await metricsServer.close()
    await resources.close()
  })
  await app.listen({ host: config.HOST, port: config.PORT }).catch((err: NodeJS.ErrnoException) => {
    throw new StartupError(`${PORT_ERRORS.has(err.code) ? 'PORT' : 'HOST'}: cannot listen on ${config.HOST}:${config.PORT} (${err.code})`)
  })
  announceReady()
}

main().catch(exitOnStartupError('fastify-api'))
