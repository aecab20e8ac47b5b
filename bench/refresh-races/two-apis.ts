import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString, startEmbeddedPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import pg from 'pg'
import { findFreePort } from '../../packages/local-mode/src/ports.js'
import { makeKeys } from '../../system-test/fixtures/key-files.js'

const DATABASE = 'auth'
const project = fileURLToPath(new URL('../..', import.meta.url))

export interface TwoApis { urls: [string, string], pool: pg.Pool }

/** Runs `work` with two API processes on one PostgreSQL of their own, and takes it all down again. */
export async function withTwoApis (work: (apis: TwoApis) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'fastify-uws-auth-bench-'))
  const undo: Array<() => unknown> = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    const postgres = await startEmbeddedPostgres({ dataDir: folder, settings: { fsync: 'off' } })
    undo.push(() => postgres.stop())
    await prepareDatabase(postgres.adminUrl, DATABASE, postgres.credentials)
    const urlFor = (role: 'auth_owner' | 'api' | 'postgres') => connectionString(postgres.credentials, role, postgres.port, DATABASE)
    await migrate(urlFor('auth_owner'))
    const env = { DATABASE_URL: urlFor('api'), SEED_DEMO_USER: 'true', BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '1000000', LOG_LEVEL: 'error', ...makeKeys({ teardown: step => { undo.push(step) } }) }
    const pool = new pg.Pool({ connectionString: urlFor('postgres'), max: 2 })
    pool.on('error', () => {})                       // PostgreSQL may be faster than the goodbye of a connection
    undo.push(() => pool.end())
    const urls: string[] = []
    for (let i = 0; i < 2; i++) {
      const api = await startApi(env)
      undo.push(api.stop)
      urls.push(api.url)
    }
    await work({ urls: [urls[0]!, urls[1]!], pool })
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

async function startApi (env: NodeJS.ProcessEnv): Promise<{ url: string, stop: () => Promise<unknown> }> {
  const port = await findFreePort()
  const child = spawn(process.execPath, [path.join(project, 'fastify-api/dist/server.js')], {
    env: { PATH: process.env['PATH'], ...env, PORT: String(port) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  const ready = await Promise.race([once(child, 'message'), exited.then(() => undefined)])
  if (ready === undefined) throw new Error('an API did not start; build first: npm run build')
  return { url: `http://127.0.0.1:${port}`, stop: async () => { child.kill(); await exited } }
}
