import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ALL_CASES } from './conformance/all-cases.js'
import { readOptions } from './conformance/options.js'
import { playAll } from './conformance/runner.js'
import { startLocalMode } from './fixtures/local-mode.js'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const SECOND = { username: 'conformance', password: 'a long enough passphrase' }
/** A reader that never reads meets the limit of messages first, and the limits are what they are for everybody here. */
const NOT_WITH_LIMITS = 'ROBUST-12'

const local = await startLocalMode(t, { ACCESS_TOKEN_EXPIRY: '20s', BCRYPT_COST: '4' })
const { status, stderr } = spawnSync(process.execPath, ['packages/local-mode/dist/admin.js', 'user', 'create', SECOND.username], {
  cwd: PROJECT,
  env: { PATH: process.env['PATH'], DATA_DIR: local.dataDir, KEYS_DIR: local.keysDir },
  input: `${SECOND.password}\n`,
  encoding: 'utf8'
})
if (status !== 0) throw new Error(stderr)

const accounts = { CONFORMANCE_SECOND_USER: SECOND.username, CONFORMANCE_SECOND_PASSWORD: SECOND.password }
const options = await readOptions([local.wsUrl, '--api', local.url, '--limits'], accounts)
const results = playAll(ALL_CASES, options!)

ALL_CASES.forEach(({ id, sentence }, index) => {
  t.test(`${id} ${sentence}`, async t => {
    const result = await results[index]!
    const expected = id === NOT_WITH_LIMITS ? 'skipped' : 'passed'
    t.equal(result.kind, expected, result.kind === 'passed' ? sentence : result.reason)
  })
})

t.test('the socket server was never started again meanwhile', async t => {
  await Promise.all(results)
  t.equal(local.output().split('"name":"uws-server"').filter(part => part.includes('"msg":"listening"')).length, 1)
})
