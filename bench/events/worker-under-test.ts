import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startBenchDatabase, type BenchDatabase } from '../harness/database.js'
import type { Teardown } from '../harness/teardown.js'
import { temporaryFolder } from '../harness/temporary-folder.js'

const SCRIPT = fileURLToPath(new URL('../../fastify-api/dist/worker.js', import.meta.url))

export interface WorkerUnderTest {
  database: BenchDatabase
  pid: number
}

/** The built worker, as local mode and containers run it, with a PostgreSQL of its own. */
export async function startWorker (t: Teardown, amqpUrl: string | undefined): Promise<WorkerUnderTest> {
  const database = await startBenchDatabase(t)
  const child = fork(SCRIPT, {
    execArgv: ['--max-semi-space-size=2'],
    env: { PATH: process.env['PATH'], DATABASE_URL: database.url('worker'), AMQP_URL: amqpUrl, MAIL_DIR: temporaryFolder(t), LOG_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exited
  })
  await Promise.race([once(child, 'message'), exited.then(() => { throw new Error('the worker did not start; is it built?') })])
  return { database, pid: child.pid! }
}
