import {
  announceReady, checkPostgres, closeOnSignal, createMeter, exitOnStartupError, loadConfig, logOptions, startMetricsServer
} from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import { startCleanUp } from './clean-up.js'
import { createPool } from './db/pool.js'
import { WorkerConfig } from './worker-config.js'

const CLOSE_WITHIN_MS = 5000
const POOL_SIZE = 4

async function main (): Promise<void> {
  const config = loadConfig(WorkerConfig, process.env)
  const log = pino(logOptions('worker', config.LOG_LEVEL))
  await checkPostgres('DATABASE_URL', config.DATABASE_URL)
  const pool = createPool('worker', config.DATABASE_URL, POOL_SIZE, log)
  const metricsServer = await startMetricsServer({ meter: await createMeter(config.METRICS_PORT), host: config.HOST, port: config.METRICS_PORT })
  const cleanUp = startCleanUp(pool, log, config.AUDIT_RETENTION.milliseconds)
  closeOnSignal(log, CLOSE_WITHIN_MS, async () => {
    await cleanUp.close()
    await metricsServer.close()
    await pool.end()
  })
  announceReady()
}

main().catch(exitOnStartupError('worker'))
