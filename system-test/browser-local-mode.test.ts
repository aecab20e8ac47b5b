import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import t from 'tap'
import { CHROMIUM_MISSING, startBrowser } from './fixtures/browser.js'
import { openDemoPage } from './fixtures/demo-page.js'
import { logout, signIn } from './fixtures/http-client.js'
import { startLocalMode } from './fixtures/local-mode.js'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8')
const DEMO_ACCOUNT = { username: 'testuser', password: 'password123' }
const HISTORY_PAGE = 20
const PHONE = { viewport: { width: 390, height: 800 } }

t.test('the demo page of a local start', { skip: CHROMIUM_MISSING }, async t => {
  const local = await startLocalMode(t, { BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '10' })
  const browser = await startBrowser(t, { origin: local.url, socketOrigin: `ws://localhost:${local.wsPort}` })

  t.test('the keyboard is enough to sign in with the demo account, and the focus is never lost', async t => {
    const { page, connected } = await openDemoPage(await browser.newDevice())
    await page.keyboard.press('Tab')
    t.equal(await focused(page), 'username')
    for (const id of ['password', 'log-in', 'use-demo-account']) {
      await page.keyboard.press('Tab')
      t.equal(await focused(page), id)
    }
    await page.keyboard.press('Enter')
    t.equal(await focused(page), 'log-in')
    await page.keyboard.press('Enter')
    await connected()
    t.equal(await focused(page), 'session-heading')
    await page.getByRole('button', { name: 'Log out', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.locator('#sign-in').waitFor()
    t.equal(await focused(page), 'username')
  })

  t.test('sessions, devices and history: one ends, one is forgotten, both are told of', async t => {
    const laptop = await openDemoPage(await browser.newDevice())
    const phone = await openDemoPage(await browser.newDevice({ ...PHONE, userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1' }))
    for (const { logIn, connected } of [laptop, phone]) {
      await logIn(DEMO_ACCOUNT)
      await connected()
    }
    const { page, shows } = laptop
    await page.getByText('Sessions', { exact: true }).click()
    const others = page.locator('#sessions li', { has: page.getByRole('button') })
    await others.filter({ hasText: 'Safari on iPhone' }).getByRole('button', { name: /^End the session of Safari on iPhone/ }).click()
    await phone.shows('#status', /The session has ended.*Reason: logged out/)
    await shows('#status', 'The other session has ended.')
    t.equal(await page.locator('#sessions li').count(), 1)

    await page.getByText('Devices', { exact: true }).click()
    await page.getByRole('button', { name: /^Forget Safari on iPhone/ }).click()
    await page.getByRole('dialog').getByLabel('Your password').fill('not the password')
    await page.keyboard.press('Enter')
    await shows('#forget-problem', /invalid_credentials/)
    await browser.screenshot(page, 'forget-device')
    await page.getByLabel('Your password').fill(DEMO_ACCOUNT.password)
    await page.keyboard.press('Enter')
    await shows('#status', 'The device is forgotten.')
    t.equal(await page.getByRole('button', { name: /^Forget Safari on iPhone/ }).count(), 0)

    await page.getByText('History', { exact: true }).click()
    // The worker hands events on; what has just happened can be a moment away.
    while (await page.locator('#history li', { hasText: 'Device forgotten' }).count() === 0) await page.locator('#reload-history').click()
    const told = await page.locator('#history li strong').allTextContents()
    t.same(told.slice(0, 3), ['Device forgotten', 'Log-in refused: wrong password', 'Session ended: logged out'])
    for (let n = 0; n < HISTORY_PAGE / 2; n++) await logout(local.url, await signIn(local.url))
    const older = page.getByRole('button', { name: 'Show older' })
    while (!await older.isVisible()) await page.locator('#reload-history').click()
    await older.click()
    await page.locator('#history li').nth(HISTORY_PAGE).waitFor()
    t.equal(await page.locator('#history strong').last().textContent(), 'Account created')
    t.equal(await older.isVisible(), false)

    await page.getByRole('button', { name: 'Forget Chrome on Linux' }).first().click()
    await page.getByLabel('Your password').fill(DEMO_ACCOUNT.password)
    await page.keyboard.press('Enter')
    // By the socket, with the reason, or by the first request that is refused.
    await shows('#status', /The session has ended/)
    t.equal(await page.getByRole('dialog').count(), 0)
  })

  for (const [name, options] of Object.entries({ wide: {}, phone: PHONE, 'phone-dark': { ...PHONE, colorScheme: 'dark' as const } })) {
    t.test(`everybody can read and use it: ${name}`, async t => {
      const { page, logIn, connected, shows } = await openDemoPage(await browser.newDevice(options))
      await logIn({ username: 'testuser', password: 'not the password' })
      await shows('#problem', /invalid_credentials/)
      await browser.screenshot(page, `${name}-refused`)
      t.same(await barriers(page), [])

      await logIn(DEMO_ACCOUNT)
      await connected()
      for (const summary of await page.locator('summary').all()) await summary.click()
      await page.locator('#history li').first().waitFor()
      await browser.screenshot(page, `${name}-signed-in`)
      t.same(await barriers(page), [])
      t.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, 'nothing is cut off at the side')
      await page.getByRole('button', { name: /^Forget/ }).first().click()
      t.same(await barriers(page), [])
    })
  }

  t.test('no page did what it may not', async t => t.same(browser.complaints, []))
})

async function focused (page: Page): Promise<string> {
  return await page.evaluate('document.activeElement.id')
}

/** What keeps people out, by the rules of WCAG 2.2 that a program can check. */
async function barriers (page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate<AxeResults>("axe.run({ resultTypes: ['violations'] })")
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
}
