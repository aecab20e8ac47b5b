import { createServer } from 'node:net'
import { StartupError, announceReady, closeOnSignal, createSummingMeter, logOptions, startMetricsServer } from '@fastify-uws-auth/auth-contract/light'
import { pino } from 'pino'
import type { PrimarySettings } from './primary-settings.js'
import { ProcessGroup } from './process-group.js'
import { measureProcesses } from './process-metrics.js'

// Each waits a little longer than the one below it.
const KILL_AFTER_MS = 1000
const EXIT_AFTER_MS = 2000

/**
 * Runs several socket processes on one port and serves no socket itself: each of them listens (SO_REUSEPORT), and the
 * kernel deals the connections out. Resolves when all are ready.
 * @throws {StartupError} when the port is taken, or a process ends while starting; by then nothing is left of the others
 */
export async function runPrimary ({ processes, host, port, metricsPort, logLevel, processStopsWithinMs }: PrimarySettings): Promise<void> {
  const log = pino(logOptions('uws-server', logLevel))
  await checkPortIsFree(host, port)
  const meter = await createSummingMeter(metricsPort, () => group.measure())
  const group: ProcessGroup = new ProcessGroup({
    processes,
    stopWithinMs: processStopsWithinMs + KILL_AFTER_MS,
    log,
    onRestart: measureProcesses(meter, () => group.readyCount)
  })
  const metricsServer = await startMetricsServer({ meter, host, port: metricsPort })

  let stopping = false
  closeOnSignal(log, processStopsWithinMs + EXIT_AFTER_MS, async () => {
    stopping = true
    await group.stop()
    await metricsServer.close()
  })
  try {
    await group.start()
  } catch (err) {
    if (stopping) return
    await group.stop()
    throw new StartupError(`${(err as Error).message} while starting`)
  }
  log.info({ host, port, processes }, 'all socket processes are listening')
  announceReady()
}

// The processes share the port with whoever asks for the same, so a clash with another group would go unnoticed.
async function checkPortIsFree (host: string, port: number): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', () => reject(new StartupError(`PORT: cannot listen on ${host}:${port}; is it taken by another program?`)))
    server.listen({ host, port, exclusive: true }, resolve)
  })
  await new Promise(resolve => server.close(resolve))
}
