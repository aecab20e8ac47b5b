import { StartupError, announceReady, closeOnSignal, exitOnStartupError, logOptions, startMetricsServer } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import { loadSocketConfig } from './config.js'
import { openResources } from './resources.js'
import { createSocketServer } from './socket-server.js'

const CLOSE_WITHIN_MS = 5000

async function main (): Promise<void> {
  const config = loadSocketConfig(process.env)
  const log = pino(logOptions('uws-server', config.LOG_LEVEL))
  const resources = await openResources(config, log)
  const server = createSocketServer(resources)
  const metricsServer = await startMetricsServer({ meter: resources.meter, host: config.HOST, port: config.METRICS_PORT })
  closeOnSignal(log, CLOSE_WITHIN_MS, async () => {
    await server.close()
    await metricsServer.close()
    await resources.close()
  })
  await server.listen().catch(() => {
    throw new StartupError(`PORT: cannot listen on ${config.HOST}:${config.PORT}; is it taken by another program?`)
  })
  log.info({ host: config.HOST, port: config.PORT }, 'listening')
  announceReady()
}

main().catch(exitOnStartupError('uws-server'))
