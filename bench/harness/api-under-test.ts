import { spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import bcrypt from 'bcrypt'
import { freePort } from '../../fastify-api/test/fixtures/programs.js'
import { startBenchDatabase, type BenchDatabase } from './database.js'
import type { Teardown } from './teardown.js'
import { temporaryFolder } from './temporary-folder.js'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const API = path.join(PROJECT, 'fastify-api/dist/server.js')
export const USERS = 2000
export const PASSWORD = 'correct horse battery staple'

export interface ApiUnderTest {
  url: string
  port: number
  pid: number
  database: BenchDatabase
  /** With `private.pem`, `public.pem` and the peppers. */
  keysDir: string
  /** Ends it before the bench does. */
  stop: () => Promise<void>
}

export interface ApiOptions {
  /** Of the signing key. */
  bits: 2048 | 4096
  bcryptCost: number
  /** How many `user<n>` there are; 2,000 when not given. */
  users?: number
  /** Where the API looks for programs; without `chrt` there its own threads hash. */
  path?: string | undefined
  /** Settings beside those of the benches, which lift the limits, turn the replay window off and log errors only. */
  settings?: NodeJS.ProcessEnv
  /** Options of Node.js, such as `--cpu-prof`. */
  nodeOptions?: string[]
  /** What is started instead of the API's own entry file, with the same settings. */
  program?: string
}

/** The built API, one process, with a PostgreSQL of its own, in which `user0`, `user1` … have one password and one hash of it. */
export async function startApi (t: Teardown, { bits, bcryptCost, users = USERS, path: programs = process.env['PATH'], settings = {}, nodeOptions = [], program = API }: ApiOptions): Promise<ApiUnderTest> {
  const keysDir = makeKeys(t, bits)
  const database = await startBenchDatabase(t)
  await createUsers(database, keysDir, { count: users, bcryptCost })
  const port = await freePort()
  const child = spawn(process.execPath, ['--max-semi-space-size=8', '--heap-growing-percent=50', ...nodeOptions, program], {
    env: {
      PATH: programs,
      PORT: String(port),
      DATABASE_URL: database.url('api'),
      PRIVATE_KEY_PATH: path.join(keysDir, 'private.pem'),
      PUBLIC_KEY_PATH: path.join(keysDir, 'public.pem'),
      REFRESH_TOKEN_PEPPER_PATH: path.join(keysDir, 'refresh-token.pepper'),
      PASSWORD_PEPPER_PATH: path.join(keysDir, 'password.pepper'),
      BCRYPT_COST: String(bcryptCost),
      REFRESH_REPLAY_WINDOW: '0',
      RATE_LIMIT_MULTIPLIER: '1000000',
      LOG_LEVEL: 'error',
      ...settings
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  const stop = async () => {
    child.kill()
    await exited
  }
  t.teardown(stop)
  await Promise.race([once(child, 'message'), exited.then(() => { throw new Error('the API did not start') })])
  return { url: `http://127.0.0.1:${port}`, port, pid: child.pid!, database, keysDir, stop }
}

/** Keys and peppers as `generate-keys.sh` makes them, in a folder of the bench. */
export function makeKeys (t: Teardown, bits: 2048 | 4096): string {
  const keysDir = path.join(temporaryFolder(t), 'keys')
  const generated = spawnSync(path.join(PROJECT, 'generate-keys.sh'), ['--bits', String(bits)], { env: { PATH: process.env['PATH'], KEYS_DIR: keysDir }, encoding: 'utf8' })
  if (generated.status !== 0) throw new Error(`generate-keys.sh ended with ${generated.signal ?? generated.status}: ${generated.stderr}`)
  return keysDir
}

/** Inserts `user<from>` and those after it, all with `PASSWORD` and one hash of it, which is what makes a million of them possible. */
export async function createUsers ({ admin }: BenchDatabase, keysDir: string, { count, from = 0, bcryptCost }: { count: number, from?: number, bcryptCost: number }): Promise<void> {
  const [version, pepper] = readFileSync(path.join(keysDir, 'password.pepper'), 'utf8').trim().split(':')
  const input = createHmac('sha384', Buffer.from(pepper!, 'base64')).update(PASSWORD).digest('base64')
  await admin.query(
    'insert into users (username, password_hash, password_pepper_version) select \'user\' || n, $1, $2 from generate_series($3::int, $4::int) n',
    [await bcrypt.hash(input, bcryptCost), Number(version), from, from + count - 1])
}
