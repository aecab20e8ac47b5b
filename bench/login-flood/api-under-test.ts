import { spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate } from '@fastify-uws-auth/fastify-api/migrations'
import { prepareDatabase } from '@fastify-uws-auth/local-mode/database'
import { connectionString, startEmbeddedPostgres } from '@fastify-uws-auth/local-mode/embedded-postgres'
import bcrypt from 'bcrypt'
import pg from 'pg'
import { freePort } from '../../fastify-api/test/fixtures/programs.js'
import { temporaryFolder } from '../sockets/database.js'
import type { Teardown } from '../sockets/teardown.js'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const DATABASE = 'auth'
export const USERS = 2000
export const PASSWORD = 'correct horse battery staple'

export interface ApiUnderTest { url: string, pid: number }

export interface ApiOptions {
  /** Of the signing key. */
  bits: 2048 | 4096
  bcryptCost: number
  /** Where the API looks for programs; without `chrt` there its own threads hash. */
  path?: string | undefined
}

/** The built API with a PostgreSQL of its own, in which `user0`, `user1` … have one password and one hash of it. */
export async function startApi (t: Teardown, { bits, bcryptCost, path: programs = process.env['PATH'] }: ApiOptions): Promise<ApiUnderTest> {
  const folder = temporaryFolder(t)
  const keys = path.join(folder, 'keys')
  const generated = spawnSync(path.join(PROJECT, 'generate-keys.sh'), ['--bits', String(bits)], { env: { PATH: process.env['PATH'], KEYS_DIR: keys }, encoding: 'utf8' })
  if (generated.status !== 0) throw new Error(generated.stderr)
  const { stop, adminUrl, port: postgresPort, credentials } = await startEmbeddedPostgres({ dataDir: path.join(folder, 'data') })
  t.teardown(stop)
  await prepareDatabase(adminUrl, DATABASE, credentials)
  await migrate(connectionString(credentials, 'auth_owner', postgresPort, DATABASE))
  const [version, pepper] = readFileSync(path.join(keys, 'password.pepper'), 'utf8').trim().split(':')
  const input = createHmac('sha384', Buffer.from(pepper!, 'base64')).update(PASSWORD).digest('base64')
  const admin = new pg.Client({ connectionString: connectionString(credentials, 'postgres', postgresPort, DATABASE) })
  await admin.connect()
  await admin.query(
    'insert into users (username, password_hash, password_pepper_version) select \'user\' || n, $1, $2 from generate_series(0, $3::int - 1) n',
    [await bcrypt.hash(input, bcryptCost), Number(version), USERS])
  await admin.end()

  const port = await freePort()
  const child = spawn(process.execPath, ['--max-semi-space-size=2', path.join(PROJECT, 'fastify-api/dist/server.js')], {
    env: {
      PATH: programs,
      PORT: String(port),
      DATABASE_URL: connectionString(credentials, 'api', postgresPort, DATABASE),
      PRIVATE_KEY_PATH: path.join(keys, 'private.pem'),
      PUBLIC_KEY_PATH: path.join(keys, 'public.pem'),
      REFRESH_TOKEN_PEPPER_PATH: path.join(keys, 'refresh-token.pepper'),
      PASSWORD_PEPPER_PATH: path.join(keys, 'password.pepper'),
      BCRYPT_COST: String(bcryptCost),
      REFRESH_REPLAY_WINDOW: '0',
      RATE_LIMIT_MULTIPLIER: '1000000',
      LOG_LEVEL: 'error'
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exited
  })
  await Promise.race([once(child, 'message'), exited.then(() => { throw new Error('the API did not start') })])
  return { url: `http://127.0.0.1:${port}`, pid: child.pid! }
}
