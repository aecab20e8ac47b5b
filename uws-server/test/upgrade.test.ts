import t from 'tap'
import { comesFromAllowedPage, readCredential, type UpgradePolicy, type UpgradeRequest } from '../src/upgrade.js'

const PAGE = 'https://app.example.com'
const PLAIN: UpgradeRequest = { requestId: 'test', query: '', authorization: [], origin: [], version: '13', peer: Uint8Array.of(127, 0, 0, 1), forwardedFor: [] }
const policy: UpgradePolicy = { allowedOrigins: [PAGE, 'http://localhost:3000'], allowQueryToken: true }

function decide (request: Partial<UpgradeRequest>, overrides: Partial<UpgradePolicy> = {}) {
  return readCredential({ ...PLAIN, ...request }, { ...policy, ...overrides })
}

const credential = (accessToken: string, carrier = 'query') => ({ kind: 'access_token', carrier, accessToken })
const none = { kind: 'none', carrier: 'message' }
const badRequest = { kind: 'refused', error: 'invalid_request', close: 4400, reason: 'bad_request' }
const invalidToken = { kind: 'refused', error: 'invalid_token', close: 4401, reason: 'invalid_token' }
const forbidden = { kind: 'refused', error: 'origin_not_allowed', close: 4403, reason: 'forbidden' }
const upgradeRequired = { kind: 'refused', error: 'upgrade_required', close: 4400, reason: 'bad_request' }

t.test('one carrier', async t => {
  t.strictSame(decide({ query: 'token=a.b.c' }), credential('a.b.c'))
  t.strictSame(decide({ query: 'v=1&token=a.b.c&x' }), credential('a.b.c'), 'among other parameters')
  t.strictSame(decide({ query: 'token=a%2Eb.c' }), credential('a.b.c'))
  t.strictSame(decide({ authorization: ['Bearer a.b.c'] }), credential('a.b.c', 'header'))
  t.strictSame(decide({ authorization: ['bearer a.b.c'] }), credential('a.b.c', 'header'), 'the case of the scheme does not matter')
  t.strictSame(decide({ authorization: ['BEARER   a.b.c'] }), credential('a.b.c', 'header'))
  t.strictSame(decide({ query: 'ticket=abc' }), { kind: 'ticket', carrier: 'ticket', ticket: 'abc' })
})

t.test('none', async t => {
  t.strictSame(decide({}), none)
  t.strictSame(decide({ query: 'access_token=b&Token=c&TICKET=d' }), none)
})

t.test('two, even equal ones', async t => {
  t.match(decide({ query: 'token=a.b.c', authorization: ['Bearer a.b.c'] }), badRequest)
  t.match(decide({ query: 'token=a.b.c&token=a.b.c' }), badRequest)
  t.match(decide({ query: 'ticket=a&token=a.b.c' }), badRequest)
  t.match(decide({ query: 'ticket=a&ticket=a' }), badRequest)
  t.match(decide({ query: 'ticket=', authorization: ['Bearer a.b.c'] }), badRequest)
  t.match(decide({ query: 'token=a.b.c&%74oken=d.e.f' }), badRequest, 'also in another spelling')
  t.match(decide({ query: 'token=&token=a.b.c' }), badRequest, 'an empty one counts')
  t.match(decide({ query: 'token=a.b.c', authorization: [''] }), badRequest)
  t.match(decide({ query: 'token=a.b.c', authorization: ['Basic eDp5'] }), badRequest)
  t.match(decide({ authorization: ['Bearer a.b.c', 'Bearer a.b.c'] }), badRequest)
})

t.test('an empty one is no access token', async t => {
  t.strictSame(decide({ query: 'token=' }), credential(''), 'which the verifier refuses as malformed')
  t.strictSame(decide({ authorization: [''] }), invalidToken)
  t.strictSame(decide({ authorization: ['Bearer'] }), invalidToken)
  t.strictSame(decide({ authorization: ['Bearer '] }), invalidToken)
})

t.test('another form of Authorization', async t => {
  for (const value of ['Basic eDp5', 'Token a.b.c', 'a.b.c', 'Bearera.b.c', 'Bearer a.b.c d', 'Bearer a.b.c, Bearer d.e.f', 'DPoP a.b.c', ' Bearer a.b.c']) {
    t.strictSame(decide({ authorization: [value] }), invalidToken, value)
  }
})

t.test('the query can be switched off', async t => {
  t.match(decide({ query: 'token=a.b.c' }, { allowQueryToken: false }), badRequest)
  t.match(decide({ query: 'token=' }, { allowQueryToken: false }), badRequest)
  t.strictSame(decide({ authorization: ['Bearer a.b.c'] }, { allowQueryToken: false }), credential('a.b.c', 'header'))
  t.strictSame(decide({ query: 'ticket=abc' }, { allowQueryToken: false }), { kind: 'ticket', carrier: 'ticket', ticket: 'abc' }, 'a ticket is good for nothing afterwards')
})

t.test('an Origin that is there must be on the list, exactly and once', async t => {
  const query = 'token=a.b.c'
  t.strictSame(decide({ query, origin: [] }), credential('a.b.c'), 'absent: not a browser')
  for (const allowed of policy.allowedOrigins) t.strictSame(decide({ query, origin: [allowed] }), credential('a.b.c'))

  const foreign = [
    'null', '', 'https://evil.example', 'https://app.example.com.evil.example', 'https://evil-app.example.com',
    'http://app.example.com', 'https://app.example.com:8443', 'https://app.example.com/', 'HTTPS://APP.EXAMPLE.COM',
    'http://localhost', 'http://localhost:30001', `${PAGE}, ${PAGE}`, `${PAGE} https://evil.example`
  ]
  for (const origin of foreign) t.strictSame(decide({ query, origin: [origin] }), forbidden, origin)
  t.strictSame(decide({ query, origin: [PAGE, 'https://evil.example'] }), forbidden)
  t.strictSame(decide({ query, origin: ['https://evil.example', PAGE] }), forbidden)
  t.strictSame(decide({ query, origin: [PAGE, PAGE] }), forbidden, 'twice the same')
  t.strictSame(decide({ query: 'token=a&token=b', origin: ['https://evil.example'] }), forbidden, 'before anything is said about tokens')
})

t.test('only version 13 of the protocol', async t => {
  for (const version of ['', '8', '12', '14', '13, 8', ' 13', '013']) {
    t.strictSame(decide({ query: 'token=a.b.c', version }), upgradeRequired, `"${version}"`)
    t.notOk(comesFromAllowedPage({ ...PLAIN, origin: [PAGE], version }, policy))
  }
})

t.test('whom a refusal must be told by close code', async t => {
  const isPage = (origin: string[]) => comesFromAllowedPage({ ...PLAIN, origin }, policy)
  t.ok(isPage([PAGE]))
  for (const origin of [[], ['null'], ['https://evil.example'], [PAGE, PAGE], [PAGE, 'https://evil.example']]) t.notOk(isPage(origin))
})
