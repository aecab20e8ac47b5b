import { randomUUID } from 'node:crypto'
import { decodeJwt } from 'jose'
import { importTestKeys, mintAccessToken } from '../../packages/auth-contract/test/fixtures/access-tokens.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Case } from './case.js'

const INJECTIONS = ["' or '1'='1", "'; drop table users; --", '1 or 1=1', "' union select null,null--", '$1', '*', '%', '../../sessions', '{"$ne":null}', "\\'; select pg_sleep(5); --"]

async function person (door: FrontDoor) {
  const account = await door.createAccount()
  const { accessToken, body } = await door.signIn(account)
  const ask = (path: string, method = 'GET', payload?: unknown) => door.request(path, { method, headers: { authorization: `Bearer ${accessToken}` }, body: payload })
  const { rows } = await door.database.pool.query<{ id: string }>('select id from devices where user_id = $1', [account.id])
  return { account, accessToken, ask, sessionId: body.session.id as string, deviceId: rows[0]!.id }
}

export const cases: Case[] = [{
  title: 'an id of somebody else is answered as one that nobody has, and nothing of theirs changes or shows',
  ids: ['HT-06'],
  async run (t, door) {
    const [ada, eve] = [await person(door), await person(door)]
    t.equal((await eve.ask('/api/reauthenticate', 'POST', { password: eve.account.password })).status, 204, 'what she may do at all, she may do now')
    const form = ({ status, body }: { status: number, body: string }) => `${status} ${body.replace(/"requestId":"[^"]*"/, '')}`
    for (const [kind, theirs] of [['sessions', ada.sessionId], ['devices', ada.deviceId]] as const) {
      const nobodys = form(await eve.ask(`/api/${kind}/${randomUUID()}`, 'DELETE'))
      t.match(nobodys, /^404 .*not_found/)
      for (const id of [theirs, theirs.toUpperCase(), ada.account.id, ada.sessionId, ada.deviceId, eve.account.id]) {
        t.equal(form(await eve.ask(`/api/${kind}/${id}`, 'DELETE')), nobodys, `${kind} by another id`)
      }
    }
    for (const path of ['/api/me', '/api/me/history', '/api/sessions', '/api/devices', '/api/protected']) {
      const { body } = await eve.ask(`${path}${path.endsWith('history') ? '' : `?user=${ada.account.id}&userId=${ada.account.id}&sub=${ada.account.id}`}`)
      for (const theirs of [ada.account.id, ada.account.username, ada.sessionId, ada.deviceId]) t.notOk(body.includes(theirs), path)
    }
    t.equal((await eve.ask(`/api/me/history?user=${ada.account.id}`)).status, 400)
    t.equal((await ada.ask('/api/sessions')).json().sessions.length, 1)
    t.equal((await ada.ask('/api/devices')).json().devices.length, 1)
    t.equal((await eve.ask('/api/sessions', 'DELETE')).status, 204)
    t.equal((await ada.ask('/api/protected')).status, 200, 'ending every other session ends none of somebody else')
  }
}, {
  title: 'a place in a history leads to nothing but the own one',
  ids: ['HT-06'],
  async run (t, door) {
    const [ada, eve] = [await person(door), await person(door)]
    const historyOf = async ({ ask }: typeof ada, query: string) => (await ask(`/api/me/history${query}`)).json()
    while ((await historyOf(ada, '')).events.length === 0) await new Promise(resolve => setTimeout(resolve, 50))
    await door.signIn(ada.account)
    while ((await historyOf(ada, '')).events.length < 2) await new Promise(resolve => setTimeout(resolve, 50))
    const { next } = await historyOf(ada, '?limit=1')
    t.match(next, /^[\w-]{30}$/)
    t.equal((await historyOf(ada, `?before=${next}`)).events.length, 1)
    const seen = await historyOf(eve, `?before=${next}`)
    t.notOk(JSON.stringify(seen).includes(ada.sessionId))
    t.ok(seen.events.every((event: { sessionId: string }) => event.sessionId === eve.sessionId))
  }
}, {
  title: 'statements inside names, passwords, ids and key ids are text',
  ids: ['HT-06'],
  async run (t, door) {
    const ada = await person(door)
    const { rows: [{ count: before }] } = await door.database.pool.query('select count(*)::int from users')
    const keys = await importTestKeys(door.keys.publicPem, door.keys.privatePem)
    const claims = decodeJwt(ada.accessToken)
    t.equal((await door.request('/api/me', { headers: { authorization: `Bearer ${await mintAccessToken(keys, claims)}` } })).status, 200, 'a good one')
    for (const text of INJECTIONS) {
      const username = `${ada.account.username}${text}`
      t.match((await door.request('/api/login', { method: 'POST', body: { username, password: 'x'.repeat(1025) } })).json(), { code: 'invalid_request' })
      t.ok([400, 404].includes((await ada.ask(`/api/sessions/${encodeURIComponent(text)}`, 'DELETE')).status))
      t.ok([400, 404].includes((await ada.ask(`/api/devices/${encodeURIComponent(text)}`, 'DELETE')).status))
      t.equal((await ada.ask(`/api/me/history?before=${encodeURIComponent(text)}`)).status, 400)
      for (const flawed of [await mintAccessToken(keys, claims, { kid: text }), await mintAccessToken(keys, { ...claims, sub: text }), await mintAccessToken(keys, { ...claims, sid: text })]) {
        t.equal((await door.request('/api/me', { headers: { authorization: `Bearer ${flawed}` } })).status, 401)
      }
    }
    for (const text of INJECTIONS.slice(0, 3)) {
      t.equal((await door.request('/api/login', { method: 'POST', body: { username: `${ada.account.username}${text}`, password: text } })).status, 401)
    }
    t.equal((await door.database.pool.query('select count(*)::int from users')).rows[0].count, before)
    t.equal((await ada.ask('/api/me')).json().username, ada.account.username)
  }
}, {
  title: 'a parameter that comes twice is refused',
  ids: ['HT-06'],
  async run (t, door) {
    const { ask } = await person(door)
    for (const query of ['limit=1&limit=2', 'limit=1&limit=1', `before=${'A'.repeat(30)}&before=${'B'.repeat(30)}`, 'limit[]=1', 'limit=1&Limit=2', 'limit=1;limit=2']) {
      t.match((await ask(`/api/me/history?${query}`)).json(), { status: 400, code: 'invalid_request' }, query)
    }
    t.equal((await ask('/api/me/history?limit=1')).status, 200)
  }
}]
