import type { Test } from 'tap'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Case } from './case.js'
import { exchange } from './exchange.js'

const NOT_STRINGS = ['0', '1.5', 'true', 'null', '[]', '["x"]', '{}', '{"toString":"x"}']
const NOT_BOOLEANS = ['0', '1', '"true"', '"false"', '""', 'null', '[]', '[true]', '{}']
/** What is not exactly JSON in UTF-8, written in all the ways that have deceived servers. */
const TYPES = [
  'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/json', 'application/jsonx', 'application/json garbage', 'application/json\ta',
  'application/json, text/plain', 'text/plain, application/json', 'application/json;charset=utf-7', 'application/json;charset=utf-16', 'application/json; charset=utf-8; charset=utf-7',
  'application/json; boundary=x', 'application/vnd.api+json', 'application/problem+json', 'application/*', '*/*', 'json', '"application/json"', 'application/json;;', 'application//json'
]

/** A body that reaches the password's check is answered 401, one that does not fit 400 and where. */
async function logIn (door: FrontDoor, body: string, type = 'application/json') {
  return await door.request('/api/login', { method: 'POST', body, headers: { 'content-type': type } })
}

async function doesNotFit (t: Test, door: FrontDoor, path: string, body: string, pointer?: string): Promise<void> {
  const answer = await door.request(path, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  t.match({ status: answer.status, ...answer.json() }, { status: 400, code: 'invalid_request', ...pointer !== undefined && { errors: [{ pointer }] } }, `${path} ${body.slice(0, 80)}`)
}

export const cases: Case[] = [{
  title: 'bodies fit their schema as they are: no type is changed, no member is dropped, no prototype is reached',
  ids: ['HT-01'],
  async run (t, door) {
    const { username, password } = await door.createAccount()
    const good = `"username":"${username}","password":"${password}"`
    for (const value of NOT_STRINGS) {
      await doesNotFit(t, door, '/api/login', `{"username":${value},"password":"${password}"}`, '/username')
      await doesNotFit(t, door, '/api/login', `{"username":"${username}","password":${value}}`, '/password')
    }
    for (const value of NOT_BOOLEANS) await doesNotFit(t, door, '/api/logout', `{"everywhere":${value}}`, '/everywhere')
    await doesNotFit(t, door, '/api/login', `{${good},"role":"admin"}`, '/role')
    await doesNotFit(t, door, '/api/refresh', '{"refreshToken":"x"}', '/refreshToken')
    await doesNotFit(t, door, '/api/logout', '{"everywhere":false,"user":"other"}', '/user')
    for (const body of [
      `{${good},"__proto__":{"admin":true}}`, `{"__proto__":{${good}}}`, `{${good},"constructor":{"prototype":{"admin":true}}}`, `{${good},"\\u005f_proto__":{}}`,
      'null', '[]', '"x"', `[{${good}}]`, `{${good}`, `{${good},}`, `{${good}} {}`, '\ufeff\ufeff{}', '{\'username\':\'x\'}', '['.repeat(8000), '{"username":'.repeat(1000) + '1' + '}'.repeat(1000)
    ]) await doesNotFit(t, door, '/api/login', body)
    t.equal((await logIn(door, `{${good}}`)).status, 200)
  }
}, {
  title: 'of a member that comes twice the last one counts, alone: there is one reader',
  ids: ['HT-01'],
  async run (t, door) {
    const { username, password } = await door.createAccount()
    const last = await logIn(door, `{"username":"nobody","password":"wrong","username":"${username}","password":"${password}"}`)
    t.match({ status: last.status, ...last.json() }, { status: 200, user: { username } })
    t.equal((await logIn(door, `{"username":"${username}","password":"${password}","username":"nobody"}`)).status, 401)
    await doesNotFit(t, door, '/api/login', `{"username":"${username}","password":"${password}","username":1}`, '/username')
    await doesNotFit(t, door, '/api/login', `{"username":1,"password":"${password}","username":["${username}"]}`, '/username')
  }
}, {
  title: 'a type that is almost JSON is 415 and never read',
  ids: ['HT-02'],
  async run (t, door) {
    const { username, password } = await door.createAccount()
    const body = JSON.stringify({ username, password })
    for (const type of TYPES) t.match((await logIn(door, body, type)).json(), { status: 415, code: 'unsupported_media_type' }, type)
    t.match((await door.request('/api/login', { method: 'POST', body })).json(), { status: 415 }, 'none')
    for (const [first, second] of [['text/plain', 'application/json'], ['application/json', 'text/plain'], ['application/json', 'application/json']]) {
      const answer = await exchange(door, [
        'POST /api/login HTTP/1.1', `Host: ${door.host}`, `Content-Type: ${first}`, `Content-Type: ${second}`, `Content-Length: ${body.length}`, 'Connection: close', '', body
      ].join('\r\n'))
      t.match(answer, /^HTTP\/1\.1 4(?:00|15) /, `${first}, then ${second}`)
      t.notMatch(answer, /accessToken/)
    }
    for (const type of ['application/json', 'APPLICATION/JSON', 'application/json; charset=utf-8', ' application/json']) {
      t.equal((await logIn(door, '{"username":"nobody"}', type)).json().errors[0].pointer, '/password', type)
    }
  }
}, {
  title: 'a body that is not UTF-8, or written in another way, is 400',
  ids: ['HT-01', 'HT-05'],
  async run (t, door) {
    const send = async (bytes: Buffer, headers: string[] = []) => await exchange(door, Buffer.concat([
      Buffer.from(['POST /api/login HTTP/1.1', `Host: ${door.host}`, 'Content-Type: application/json', `Content-Length: ${bytes.length}`, 'Connection: close', ...headers, '', ''].join('\r\n')), bytes
    ]))
    for (const bytes of [Buffer.of(0xff, 0xfe), Buffer.of(0x22, 0xc3, 0x28, 0x22), Buffer.of(0x22, 0xed, 0xa0, 0x80, 0x22), Buffer.from('{"username":"a","password":"b"}', 'utf16le')]) {
      t.match(await send(bytes), /^HTTP\/1\.1 400 [\s\S]*"code":"invalid_request"/)
    }
    for (const encoding of ['gzip', 'br', 'deflate']) t.match(await send(Buffer.from([0x1f, 0x8b, 8, 0]), [`Content-Encoding: ${encoding}`]), /^HTTP\/1\.1 4\d\d /, 'nothing is unpacked')
  }
}]
