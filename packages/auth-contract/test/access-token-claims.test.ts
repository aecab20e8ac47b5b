import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createTestKeys, goodClaims, goodHeader, mintAccessToken, signCompact } from './fixtures/access-tokens.js'
import { createTestVerifier } from './fixtures/verifier.js'

const NOW = 1_800_000_000
const keys = await createTestKeys()
const verify = await createTestVerifier(keys, { now: () => NOW * 1000 })
const timely = { iat: NOW, exp: NOW + 900, auth_time: NOW }

const verifyClaims = async (claims: Record<string, unknown>) => await verify(await mintAccessToken(keys, { ...timely, ...claims }))
/** The payload's text with one member's value replaced by any JSON text. */
const verifyText = async (name: string, value: string) => {
  const claims = JSON.stringify({ ...goodClaims(), ...timely, [name]: '@' })
  return await verify(signCompact(keys, goodHeader(keys), claims.replace('"@"', value)))
}
const refused = (reason: string) => ({ kind: 'refused', reason })

t.test('every required claim is required', async t => {
  t.match(await verifyClaims({}), { kind: 'verified' })
  for (const name of ['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'exp', 'auth_time', 'amr', 'rg']) {
    t.strictSame(await verifyClaims({ [name]: undefined }), refused('claims'), `${name} missing`)
    t.strictSame(await verifyClaims({ [name]: null }), refused('claims'), `${name} null`)
    t.strictSame(await verifyClaims({ [name]: {} }), refused('claims'), `${name} an object`)
    t.strictSame(await verifyClaims({ [name]: true }), refused('claims'), `${name} a boolean`)
  }
  const inherited = `{"__proto__":${JSON.stringify({ ...goodClaims(), ...timely })}}`
  t.strictSame(await verify(signCompact(keys, goodHeader(keys), inherited)), refused('claims'), 'all of them below __proto__')
})

t.test('identifiers have one fixed form', async t => {
  const uuid = randomUUID()
  for (const name of ['sub', 'sid', 'jti']) {
    for (const value of ['', 1, [uuid], uuid.toUpperCase(), `${uuid} `, ` ${uuid}`, `${uuid}\n`, `${uuid}\0`, `{${uuid}}`, uuid.replaceAll('-', ''), uuid.slice(1),
      `${uuid}${uuid}`, `urn:uuid:${uuid}`, "' OR 1=1 --", '../admin', '__proto__', 'a\r\nb', '\u202e', uuid.replace(/[0-9a-f]/, '\uff11')]) {
      t.strictSame(await verifyClaims({ [name]: value }), refused('claims'), `${name} ${JSON.stringify(value)}`)
    }
  }
})

t.test('instants are whole, finite, in seconds', async t => {
  for (const name of ['iat', 'exp', 'nbf', 'auth_time']) {
    for (const value of ['1e999', '-1e999', '-1', '-0.5', `${NOW}.5`, `"${NOW}"`, `${NOW}000`, '9007199254740992', '18446744073709551616', 'null', 'true', '[]', `[${NOW}]`]) {
      t.strictSame(await verifyText(name, value), refused('claims'), `${name} ${value}`)
    }
  }
  t.match(await verifyText('exp', '18000009e2'), { kind: 'verified' }, 'the same number in another notation')
})

t.test('generation and methods', async t => {
  for (const value of ['-1', '0.5', '2147483648', '1e999', '"0"', '[]']) t.strictSame(await verifyText('rg', value), refused('claims'), `rg ${value}`)
  t.match(await verifyClaims({ rg: 2_147_483_647 }), { kind: 'verified', principal: { refreshGeneration: 2_147_483_647 } })
  for (const amr of ['pwd', [], [1], [''], ['PWD'], ['p w d'], ['pwd\n'], [['pwd']], Array(9).fill('pwd'), ['a'.repeat(17)], { 0: 'pwd', length: 1 }]) {
    t.strictSame(await verifyClaims({ amr }), refused('claims'), `amr ${JSON.stringify(amr)}`)
  }
  t.match(await verifyClaims({ amr: ['pwd', 'otp'] }), { kind: 'verified', principal: { amr: ['pwd', 'otp'] } })
})

t.test('issuer: the exact string', async t => {
  for (const iss of ['other', 'FASTIFY-UWS-AUTH', 'fastify-uws-auth/', 'fastify-uws-auth ', 'fastify-uws-aut', 'fastify-uws-auth\0', 'https://fastify-uws-auth']) {
    t.strictSame(await verifyClaims({ iss }), refused('issuer'), iss)
  }
  for (const iss of ['', ['fastify-uws-auth'], 1]) t.strictSame(await verifyClaims({ iss }), refused('claims'), JSON.stringify(iss))
})

t.test('audience: the exact string, or a list that contains it', async t => {
  for (const aud of ['other', '', 'fastify-uws-auth ', 'fastify-uws-auth,other', [], ['other'], ['fastify-uws-auth-2', 'x'], ['FASTIFY-UWS-AUTH'], '*', ['*']]) {
    t.strictSame(await verifyClaims({ aud }), refused('audience'), JSON.stringify(aud))
  }
  for (const aud of [1, [1, 'fastify-uws-auth'], [['fastify-uws-auth']], [null, 'fastify-uws-auth'], { 0: 'fastify-uws-auth' }, Array(17).fill('fastify-uws-auth')]) {
    t.strictSame(await verifyClaims({ aud }), refused('claims'), JSON.stringify(aud))
  }
  for (const aud of [['fastify-uws-auth'], ['other', 'fastify-uws-auth']]) t.match(await verifyClaims({ aud }), { kind: 'verified' }, JSON.stringify(aud))
})

t.test('exp has no tolerance', async t => {
  const sid = randomUUID()
  const claims = { iat: NOW - 900, exp: NOW, sid }
  const token = await mintAccessToken(keys, claims)
  t.match(await verify(token), { kind: 'expired', principal: { sessionId: sid, expiresAt: NOW } }, 'zero seconds late')
  const before = await createTestVerifier(keys, { now: () => NOW * 1000 - 1 })
  t.match(await before(token), { kind: 'verified' }, 'a millisecond early')
  t.match(await verifyClaims({ iat: NOW - 90_000, exp: NOW - 89_990 }), { kind: 'expired' }, 'a day late')
  t.match(await verifyClaims({ iat: 0, exp: 1 }), { kind: 'expired' }, 'half a century late')
})

t.test('nothing but exp may be wrong with an expired token', async t => {
  const late = { iat: NOW - 1000, exp: NOW - 100 }
  t.strictSame(await verifyClaims({ ...late, iss: 'other' }), refused('issuer'))
  t.strictSame(await verifyClaims({ ...late, aud: 'other' }), refused('audience'))
  t.strictSame(await verifyClaims({ ...late, sub: 1 }), refused('claims'))
  t.strictSame(await verifyClaims({ iat: NOW - 1001, exp: NOW - 100 }), refused('time'))
  const stranger = await createTestKeys()
  t.strictSame(await verify(await mintAccessToken(stranger, { ...timely, ...late }, { kid: keys.kid })), refused('signature'))
})

t.test('a life is no longer than the setting, and goes forward', async t => {
  t.match(await verifyClaims({ iat: NOW, exp: NOW + 900 }), { kind: 'verified' })
  t.strictSame(await verifyClaims({ iat: NOW, exp: NOW + 901 }), refused('time'))
  t.strictSame(await verifyClaims({ iat: NOW - 1, exp: NOW + 900 }), refused('time'))
  t.strictSame(await verifyClaims({ exp: 99_999_999_999 }), refused('time'))
  t.strictSame(await verifyClaims({ iat: NOW, exp: NOW }), refused('time'))
  t.strictSame(await verifyClaims({ iat: NOW + 10, exp: NOW + 5 }), refused('time'))
})

t.test('nothing starts more than a minute ahead', async t => {
  t.match(await verifyClaims({ iat: NOW + 60, exp: NOW + 900 }), { kind: 'verified' })
  t.strictSame(await verifyClaims({ iat: NOW + 61, exp: NOW + 900 }), refused('time'))
  t.match(await verifyClaims({ nbf: NOW + 60 }), { kind: 'verified' })
  t.strictSame(await verifyClaims({ nbf: NOW + 61 }), refused('time'))
})

t.test('of a repeated claim the last counts', async t => {
  const [first, last] = [randomUUID(), randomUUID()]
  const claims = JSON.stringify({ sub: first, ...goodClaims(), ...timely, sid: undefined }).replace('}', `,"sid":"${first}","sid":"${last}"}`)
  t.match(await verify(signCompact(keys, goodHeader(keys), claims)), { kind: 'verified', principal: { sessionId: last } })
  t.strictSame(await verify(signCompact(keys, goodHeader(keys), claims.replace('}', ',"exp":1e999}'))), refused('claims'))
})

t.test('claims beyond ours are carried along unread', async t => {
  const verification = await verifyClaims({ role: 'admin', scope: '*', subject: 'somebody' })
  t.strictSame('principal' in verification && Object.keys(verification.principal).sort(), ['amr', 'authTime', 'expiresAt', 'issuedAt', 'issuer', 'keyId', 'refreshGeneration', 'sessionId', 'subject'])
})
