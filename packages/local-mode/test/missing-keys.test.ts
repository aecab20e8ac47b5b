import { readFileSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { makeMissingKeys } from '../src/missing-keys.js'
import { temporaryFolder } from './fixtures/temporary-folder.js'

t.test('makes keys where there are none, and nothing where they are', async t => {
  const folder = path.join(temporaryFolder(t), 'keys')
  const contents = () => readdirSync(folder).map(name => [name, readFileSync(path.join(folder, name), 'utf8')])
  await makeMissingKeys(folder)
  const made = contents()
  t.same(made.map(([name]) => name).sort(), ['password.pepper', 'private.pem', 'public.pem', 'refresh-token.pepper'])
  await makeMissingKeys(folder)
  t.same(contents(), made)
})

t.test('touches nothing when only some are there: stored passwords and sessions may need the rest', async t => {
  const folder = path.join(temporaryFolder(t), 'keys')
  await makeMissingKeys(folder)
  rmSync(path.join(folder, 'password.pepper'))
  const left = readdirSync(folder)
  await t.rejects(makeMissingKeys(folder), { message: 'KEYS_DIR: generate-keys.sh failed; what it said is above' })
  t.same(readdirSync(folder), left)
})
