import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { findFreePort } from '../../packages/local-mode/src/ports.js'
import { makeKeys } from '../../system-test/fixtures/key-files.js'
import { startBenchDatabase } from '../harness/database.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'

const project = fileURLToPath(new URL('../..', import.meta.url))

export interface TwoApis { urls: [string, string], pool: pg.Pool }

/** Runs `work` with two API processes on one PostgreSQL of their own, and takes it all down again. */
export async function withTwoApis (work: (apis: TwoApis) => Promise<void>): Promise<void> {
  await withTeardown(async t => {
    const { url, admin } = await startBenchDatabase(t)
    const env = { DATABASE_URL: url('api'), SEED_DEMO_USER: 'true', BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '1000000', LOG_LEVEL: 'error', ...makeKeys(t) }
    await work({ urls: [await startApi(t, env), await startApi(t, env)], pool: admin })
  })
}

async function startApi (t: Teardown, env: NodeJS.ProcessEnv): Promise<string> {
  const port = await findFreePort()
  const child = spawn(process.execPath, [path.join(project, 'fastify-api/dist/server.js')], {
    env: { PATH: process.env['PATH'], ...env, PORT: String(port) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exited
  })
  const ready = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
  if (ready === undefined) throw new Error('an API did not start; build first: npm run build')
  return `http://127.0.0.1:${port}`
}
