import { StartupError, announceReady, closeOnSignal, exitOnStartupError, logOptions, startMetricsServer } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import { loadSocketConfig } from './config.js'
import { answerMeasurements } from './measurements.js'
import { openResources } from './resources.js'
import { createSocketServer } from './socket-server.js'
import { stopsWithinMs } from './stop-time.js'

/** Serves sockets: the only process there is, or one of several that share the port below a primary. */
async function main (): Promise<void> {
  const config = loadSocketConfig(process.env)
  const log = pino(logOptions('uws-server', config.LOG_LEVEL))
  const resources = await openResources(config, log)
  const server = createSocketServer(resources)
  const alone = config.WS_PROCESSES === 1
  const metricsServer = await startMetricsServer({ meter: resources.meter, host: config.HOST, port: alone ? config.METRICS_PORT : undefined })
  if (!alone) answerMeasurements(resources.meter)
  closeOnSignal(log, stopsWithinMs(config), async () => {
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
