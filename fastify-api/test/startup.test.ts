import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { createKeyFiles } from './fixtures/api.js'
import { runProgram, runServer } from './fixtures/programs.js'

const SECRET = 'canary-3f9a'
const NOWHERE = join(tmpdir(), 'nothing-here', 'file')

t.test('the server', async t => {
  const { connectionString } = await createDatabase(t)
  const good = { ...(await createKeyFiles(t)).env, DATABASE_URL: connectionString, BCRYPT_COST: '4' }

  t.test('starts, answers and stops on SIGTERM', async t => {
    const server = await runServer(t, { ...good, SEED_DEMO_USER: 'true' })
    t.equal((await fetch(`${server.url}/api/ready`)).status, 200)
    t.equal(await server.stop(), 0)
    t.ok(server.output().trimEnd().split('\n').every(line => JSON.parse(line).name === 'fastify-api'))
  })

  t.test('ends with one sentence for each mistake: no stack, and no value of a setting', async t => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    t.teardown(() => squatter.close())
    const { port } = squatter.address() as AddressInfo
    const cases: Array<[env: NodeJS.ProcessEnv, ...sentences: RegExp[]]> = [
      [{ DATABASE_URL: SECRET, PORT: SECRET, ACCESS_TOKEN_EXPIRY: SECRET, LOG_LEVEL: SECRET }, /LOG_LEVEL/, /PORT/, /DATABASE_URL/, /ACCESS_TOKEN_EXPIRY/],
      [{ PUBLIC_URL: 'https://app.example.test', SEED_DEMO_USER: 'true' }, /SEED_DEMO_USER/, /BCRYPT_COST/],
      [{ PRIVATE_KEY_PATH: NOWHERE }, /PRIVATE_KEY_PATH: cannot read .* \(ENOENT\); run .\/generate-keys.sh first/],
      [{ PASSWORD_PEPPER_PATH: NOWHERE }, /PASSWORD_PEPPER_PATH: cannot read .* \(ENOENT\); run .\/generate-keys.sh first, or .* set KEYS_DIR /],
      [{ DATABASE_URL: Object.assign(new URL(connectionString), { port: '1', password: SECRET }).href }, /DATABASE_URL: cannot use PostgreSQL \(ECONNREFUSED\)/],
      [{ DATABASE_URL: Object.assign(new URL(connectionString), { pathname: '/postgres' }).href }, /DATABASE_URL: the database lacks tables of this version; run npm run migrate/],
      [{ PORT: String(port) }, /PORT: cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\)/],
      [{ HOST: '192.0.2.1' }, /HOST: cannot listen on 192\.0\.2\.1:\d+ \(EADDRNOTAVAIL\)/]
    ]
    for (const [env, ...sentences] of cases) {
      const { code, stdout, stderr } = await runProgram('fastify-api/dist/server.js', [], { ...good, ...env })
      const lines = stderr.trimEnd().split('\n')
      t.equal(code, 1, Object.keys(env).join())
      t.equal(lines.length, sentences.length, stderr)
      for (const [i, sentence] of sentences.entries()) t.match(lines[i], new RegExp(`^fastify-api: ${sentence.source}`))
      t.notMatch(stdout + stderr, SECRET)
    }
  })
})

t.test('the worker and the migration name what is wrong as well', async t => {
  const away = 'postgres://nobody:canary-3f9a@127.0.0.1:1/nothing'
  for (const name of ['worker', 'migrate']) {
    for (const [env, sentence] of [[{}, 'DATABASE_URL is not set'], [{ DATABASE_URL: away }, 'DATABASE_URL: cannot .*ECONNREFUSED']] as const) {
      const { code, stderr } = await runProgram(`fastify-api/dist/${name}.js`, [], env)
      t.equal(code, 1)
      t.match(stderr, new RegExp(`^${name}: ${sentence}[^\\n]*\\n$`))
      t.notMatch(stderr, SECRET)
    }
  }
})
