import type { BrowserContext } from 'playwright-core'
import t from 'tap'
import { REDIS_MISSING } from '../packages/auth-contract/test/fixtures/redis-server.js'
import { until } from '../packages/auth-contract/test/fixtures/until.js'
import { CHROMIUM_MISSING, startBrowser, type TestBrowser } from './fixtures/browser.js'
import { openDemoPage, type DemoPage, type Frame } from './fixtures/demo-page.js'
import { NGINX_MISSING, startFrontDoor, type FrontDoor } from './fixtures/front-door.js'

/** Both tabs at once, as the locks of the demo page never do it. */
const RAW_REFRESH = "fetch('/api/refresh', { method: 'POST' }).then(({ status }) => status)"
const STORED = `Promise.all([
  JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie, indexedDB.databases(), caches.keys(), navigator.serviceWorker.getRegistrations()
]).then(([local, session, cookie, ...lists]) => ({ local, session, cookie, lists: lists.flat() }))`
const WRONG_PASSWORDS = 10

t.test('the demo page in a browser, through nginx', { skip: CHROMIUM_MISSING || NGINX_MISSING || REDIS_MISSING }, async t => {
  const door = await startFrontDoor(t, { redis: true, env: { ACCESS_TOKEN_EXPIRY: '10s', RATE_LIMIT_MULTIPLIER: '1' } })
  const browser = await startBrowser(t, { origin: door.origin, ca: door.ca })
  // Open all the while: what it lives through takes longer than any of the others.
  const patient = await signedIn(door, browser)

  t.test('what is refused is told with what to do', async t => {
    const { username } = await door.createAccount()
    const { page, logIn, shows } = await openDemoPage(await browser.newDevice())
    t.equal(await page.locator('#use-demo-account').isVisible(), false, 'there is no demo account in production')
    const wrong = { username, password: 'not the password' }
    await logIn(wrong)
    await shows('#problem', /Check the user name and the password\. \(invalid_credentials, request /)
    for (let n = 1; n < WRONG_PASSWORDS; n++) await page.evaluate(`fetch('/api/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: ${JSON.stringify(JSON.stringify(wrong))} })`)
    await logIn(wrong)
    await shows('#problem', /Wait \d+ seconds?\. \(rate_limited, request /)
    await browser.screenshot(page, 'rate-limited')
  })

  t.test('a token is in no place that a script can read, and a reload keeps the user signed in', async t => {
    const device = await browser.newDevice()
    const { page, connected, shows } = await signedIn(door, browser, device)
    for (const moment of ['after the login', 'after a reload']) {
      t.same(await page.evaluate(STORED), { local: '{}', session: '{}', cookie: '', lists: [] }, moment)
      await page.reload()
      await connected()
      await shows('#user', /^user-/)
    }
    const cookies = await device.cookies()
    t.match(cookies.find(({ name }) => name === '__Host-refreshToken'), { httpOnly: true, secure: true, sameSite: 'Strict', path: '/', domain: door.host })
    t.ok(cookies.every(({ httpOnly }) => httpOnly))
  })

  t.test('two tabs refresh at the same moment: one session, and both stay signed in', async t => {
    const device = await browser.newDevice()
    const first = await signedIn(door, browser, device)
    const second = await openDemoPage(device)
    await second.connected()
    const session = await first.page.locator('#session-id').textContent()
    await Promise.all([first, second].map(({ page }) => page.getByRole('button', { name: 'Refresh now' }).click()))
    for (let round = 0; round < 3; round++) {
      t.same(await Promise.all([first, second].map(({ page }) => page.evaluate(RAW_REFRESH))), [200, 200])
    }
    for (const { page, shows, connected } of [first, second]) {
      await page.getByRole('button', { name: 'Refresh now' }).click()
      await shows('#socket-state', /Reauthentications on this socket: \d+/)
      await connected()
      t.equal(await page.locator('#session-id').textContent(), session)
    }
    const { rows } = await door.database.pool.query('select count(*)::int as sessions, count(revoked_at)::int as ended from sessions where user_id = (select user_id from sessions where id = $1)', [session])
    t.same(rows, [{ sessions: 1, ended: 0 }])
  })

  t.test('a logout in one tab ends the socket of the other, a logout everywhere that of another browser', async t => {
    const account = await door.createAccount()
    const [device, elsewhere] = [await browser.newDevice(), await browser.newDevice()]
    const first = await signedIn(door, browser, device, account)
    const second = await openDemoPage(device)
    const third = await signedIn(door, browser, elsewhere, account)
    await second.connected()
    await first.page.getByRole('button', { name: 'Log out', exact: true }).click()
    for (const { shows, page } of [first, second]) {
      await shows('#socket-state', /^Closed: 4410 session_revoked/)
      t.equal(await page.locator('#sign-in').isVisible(), true)
    }
    // Whoever is quicker, the first tab or the server.
    await second.shows('#status', /^Logged out in another tab\.$|Reason: logged out/)
    await browser.screenshot(second.page, 'logged-out-in-another-tab')

    await first.logIn(account)
    await first.connected()
    await second.connected()
    await first.page.getByRole('button', { name: 'Log out everywhere' }).click()
    await third.shows('#status', /The session has ended.*Reason: logged out/)
    await second.shows('#socket-state', /^Closed: 4410/)
  })

  t.test('a network that goes and comes back is told of, and the page connects anew', async t => {
    const device = await browser.newDevice()
    const { page, shows, connected, sockets } = await signedIn(door, browser, device)
    await device.setOffline(true)
    await shows('#socket-state', /^Offline/)
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await shows('#problem', /Check that the API runs and that you are online/)
    await browser.screenshot(page, 'offline')
    await device.setOffline(false)
    await connected()
    await page.locator('#problem:empty').waitFor({ state: 'attached' })
    t.equal(sockets.length, 2)
  })

  t.test('one socket through three access tokens', async t => {
    const { page, sockets, frames, shows } = patient
    await shows('#socket-state', /Reauthentications on this socket: ([2-9]|\d\d)/)
    await browser.screenshot(page, 'reauthenticated')
    t.equal(sockets.length, 1)
    t.notOk(sockets[0]!.isClosed())
    t.equal(new Set(connectionsOf(frames)).size, 1)
    t.equal(frames.filter(({ type }) => type === 'error').length, 0)
  })

  t.test('a socket server that restarts says so first, and the page comes back', async t => {
    const { page, frames, shows, connected } = patient
    const [before] = connectionsOf(frames)
    for (const part of door.sockets) {
      if (frames.some(({ type }) => type === 'server_draining')) break
      await part.restart()
    }
    await page.locator('#frames code', { hasText: /^close 1012/ }).waitFor()
    t.match(frames.find(({ type }) => type === 'server_draining'), { payload: { reconnectWithinMs: 5000 } })
    await shows('#socket-state', /^Connected/)
    await connected()
    t.not(connectionsOf(frames).at(-1), before)
  })

  t.test('APIs that are away are told of, and tried again, at once when somebody asks for it', async () => {
    const { page, shows } = patient
    await Promise.all(door.apis.map(api => api.stop()))
    await page.getByRole('button', { name: 'Call /api/protected' }).click()
    await shows('#problem', /Wait .*\(temporarily_unavailable, request /)
    await shows('#protected-answer', /^503/)
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await shows('#status', /^Refresh did not work; next try in \d+ s\.$/)
    await browser.screenshot(page, 'unavailable')
    await page.locator('#frames code', { hasText: /^POST \/api\/refresh 503/ }).nth(1).waitFor()
    await Promise.all(door.apis.map(api => api.restart()))
    await until(async () => (await door.request('/api/health')).status === 200)
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await page.locator('#problem:empty').waitFor({ state: 'attached' })
    await page.getByRole('button', { name: 'Call /api/protected' }).click()
    await shows('#protected-answer', /^200/)
  })

  t.test('no page did what it may not', async t => t.same(browser.complaints, []))
})

async function signedIn (door: FrontDoor, browser: TestBrowser, device?: BrowserContext, account?: { username: string, password: string }): Promise<DemoPage> {
  const demo = await openDemoPage(device ?? await browser.newDevice())
  await demo.logIn(account ?? await door.createAccount())
  await demo.connected()
  return demo
}

function connectionsOf (frames: Frame[]): unknown[] {
  return frames.filter(({ type }) => type === 'connected').map(({ payload }) => payload['connectionId'])
}
