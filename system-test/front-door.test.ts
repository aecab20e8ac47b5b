import t from 'tap'
import { NGINX_MISSING, startFrontDoor } from './fixtures/front-door.js'
import type { Case } from './front-door/case.js'
import { cases as tlsAndHeaders } from './front-door/tls-and-headers.js'

const CASES: Case[] = [
  ...tlsAndHeaders
]

t.test('through nginx, as in production', { skip: NGINX_MISSING }, async t => {
  const door = await startFrontDoor(t)
  for (const { title, ids, run } of CASES) await t.test(`${title} (${ids.join(', ')})`, t => run(t, door))
})
