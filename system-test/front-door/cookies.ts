import type { Test } from 'tap'
import type { Answer } from '../fixtures/door-client.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Case } from './case.js'

const DAY_SECONDS = 86_400
/** The longest that browsers keep (RFC 6265bis, section 5.5). */
const LONGEST_SECONDS = 400 * DAY_SECONDS
const IDLE_SECONDS = 7 * DAY_SECONDS
const LARGEST_BYTES = 4096
const REFRESH = '__Host-refreshToken'
const DEVICE = '__Host-device'

interface SetCookie { name: string, value: string, maxAge: number, attributes: string[] }

/** What an answer sets, with the attributes in lower case and without the two that say how long. */
function setCookies ({ headers }: Answer): SetCookie[] {
  return (headers['set-cookie'] ?? []).map(line => {
    const [pair, ...attributes] = line.split(';').map(part => part.trim())
    const equals = pair!.indexOf('=')
    const lower = attributes.map(attribute => attribute.toLowerCase())
    return {
      name: pair!.slice(0, equals),
      value: pair!.slice(equals + 1),
      maxAge: Number(lower.find(attribute => attribute.startsWith('max-age='))?.slice(8)),
      attributes: lower.filter(attribute => !/^(?:max-age|expires)=/.test(attribute)).sort()
    }
  })
}

const logIn = async (door: FrontDoor, { username, password }: { username: string, password: string }, cookie?: string) =>
  await door.request('/api/login', { method: 'POST', body: { username, password }, headers: cookie === undefined ? {} : { cookie } })
const refresh = async (door: FrontDoor, cookie: string) => await door.request('/api/refresh', { method: 'POST', headers: { cookie } })

/** Name, attributes and size of each, and that nothing can be read from its value. */
function checkForm (t: Test, cookies: SetCookie[], personal: string[]): void {
  for (const { name, value, attributes, maxAge } of cookies) {
    t.strictSame(attributes, ['httponly', 'path=/', 'samesite=strict', 'secure'], `${name}: its attributes, no Domain among them`)
    t.match(name, /^__Host-/)
    t.ok(Buffer.byteLength(name) + Buffer.byteLength(value) <= LARGEST_BYTES, `${name}: small enough to be kept`)
    t.ok(maxAge <= LONGEST_SECONDS, `${name}: for at most 400 days`)
    const readable = value.split('.').flatMap(part => [part, Buffer.from(part, 'base64url').toString('latin1')]).join(' ').toLowerCase()
    for (const text of personal) t.notOk(readable.includes(text.toLowerCase()), `${name} is opaque`)
  }
}

export const cases: Case[] = [{
  title: 'every cookie that is set is __Host-, Secure, HttpOnly, Strict, opaque and small, and no body repeats it',
  ids: ['CK-01', 'CK-02', 'CK-03'],
  async run (t, door) {
    const account = await door.createAccount()
    const signedIn = await logIn(door, account)
    const refreshed = await refresh(door, `${REFRESH}=${setCookies(signedIn).find(({ name }) => name === REFRESH)!.value}`)
    for (const [answer, names] of [[signedIn, [DEVICE, REFRESH]], [refreshed, [REFRESH]]] as const) {
      t.equal(answer.status, 200)
      const cookies = setCookies(answer)
      t.strictSame(cookies.map(({ name }) => name).sort(), names)
      checkForm(t, cookies, [account.username, account.email, account.id, account.id.replaceAll('-', ''), account.password])
      for (const { name, value } of cookies) {
        for (const part of value.split('.').filter(({ length }) => length > 20)) t.notOk(answer.body.includes(part), `${name} is not in the body`)
      }
      t.notMatch(Object.keys(answer.json()).join(), /refresh|cookie|device/i)
      t.equal(answer.headers['cache-control'], 'no-store')
    }
    const again = setCookies(await logIn(door, account))
    for (const { name, value } of setCookies(signedIn)) t.ok(again.every(other => other.value !== value), `${name}: another value with each sign-in`)
  }
}, {
  title: 'the refresh cookie ends with its session; deleting it repeats its attributes',
  ids: ['CK-02'],
  async run (t, door) {
    const [whole, nearlyOver] = [await door.signIn(), await door.signIn()]
    const fresh = setCookies(await refresh(door, whole.cookie))[0]!
    t.ok(Math.abs(fresh.maxAge - IDLE_SECONDS) <= 60, `${fresh.maxAge} s`)
    await door.database.pool.query("update sessions set expires_at = now() + interval '1 hour' where id = $1", [nearlyOver.body.session.id])
    const last = setCookies(await refresh(door, nearlyOver.cookie))[0]!
    t.ok(last.maxAge > 3500 && last.maxAge <= 3600, `${last.maxAge} s: not longer than the session`)

    const out = await door.request('/api/logout', { method: 'POST', headers: { cookie: `${REFRESH}=${last.value}` } })
    t.equal(out.status, 204)
    const cleared = setCookies(out)
    t.strictSame(cleared.map(({ name, value, maxAge }) => ({ name, value, maxAge })), [{ name: REFRESH, value: '', maxAge: 0 }], 'the device stays known')
    checkForm(t, cleared, [])
    t.equal((await refresh(door, `${REFRESH}=${last.value}`)).status, 401)
  }
}, {
  title: 'a cookie that comes twice is refused, in one header or in two; other names are not read',
  ids: ['CK-03'],
  async run (t, door) {
    const account = await door.createAccount()
    const { cookie } = await door.signIn(account)
    const value = cookie.slice(cookie.indexOf('=') + 1)
    for (const [sent, status] of [
      [`${REFRESH}=a; ${REFRESH}=b`, 400], [`${cookie}; ${cookie}`, 400], [`${cookie}; ${REFRESH}=`, 400], [`${REFRESH}; ${cookie}`, 400],
      [`${REFRESH}=x; other=1; ${cookie}`, 400], [`refreshToken=${value}`, 401], [`__host-refreshtoken=${value}`, 401], [`__Secure-refreshToken=${value}`, 401],
      [`${DEVICE}=${value}`, 401]
    ] as const) t.equal((await refresh(door, sent)).status, status, sent.replaceAll(value, '<value>'))
    t.equal((await logIn(door, account, `${REFRESH}=a; ${REFRESH}=b`)).status, 400)
    t.equal((await door.request('/api/logout', { method: 'POST', headers: { cookie: `${cookie}; ${REFRESH}=b` } })).status, 400)
    t.equal((await refresh(door, cookie)).status, 200, 'and none of that has touched the session')
  }
}]
