import {
  announceReady, checkPostgres, closeOnSignal, createMeter, exitOnStartupError, loadConfig, logOptions, startMetricsServer
} from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import { startCleanUp } from './clean-up.js'
import { createConsumers } from './consumers/create-consumers.js'
import { POOL_SIZES, createPool } from './db/pool.js'
import { createEventMetrics } from './events/event-metrics.js'
import { createEventTransport } from './events/create-event-transport.js'
import { startRelay } from './events/relay.js'
import { startReplay } from './events/replay.js'
import { createMailMetrics } from './mail/mail-metrics.js'
import { startMailSender } from './mail/mail-sender.js'
import { openMailTransport } from './mail/open-mail-transport.js'
import { WORKER_STOPS_WITHIN_MS } from './stop-time.js'
import { WorkerConfig } from './worker-config.js'

async function main (): Promise<void> {
  const config = loadConfig(WorkerConfig, process.env)
  const log = pino(logOptions('worker', config.LOG_LEVEL))
  const mail = await openMailTransport(config, log)
  await checkPostgres('DATABASE_URL', config.DATABASE_URL)
  const pool = createPool('worker', config.DATABASE_URL, POOL_SIZES.worker, log)
  const meter = await createMeter(config.METRICS_PORT)
  const metricsServer = await startMetricsServer({ meter, host: config.HOST, port: config.METRICS_PORT })
  const cleanUp = startCleanUp(pool, log, config.AUDIT_RETENTION.milliseconds)
  const mailMetrics = createMailMetrics(meter)
  const mailSender = startMailSender({
    pool,
    transport: mail.transport,
    compose: { from: mail.from, service: new URL(config.PUBLIC_URL).origin },
    metrics: mailMetrics,
    log
  })
  const consumers = createConsumers(meter, mailMetrics)
  const delivery = { pool, log, metrics: createEventMetrics(meter, consumers) }
  const transport = await createEventTransport(config.AMQP_URL, delivery, consumers)
  const relay = startRelay(delivery, transport)
  const replay = startReplay(delivery, consumers)
  closeOnSignal(log, WORKER_STOPS_WITHIN_MS, async () => {
    await Promise.all([cleanUp.close(), mailSender.close(), relay.close(), replay.close()])
    await transport.close()
    await metricsServer.close()
    await pool.end()
  })
  log.info({ broker: config.AMQP_URL !== undefined }, 'handing on events')
  announceReady()
}

main().catch(exitOnStartupError('worker'))
