import { Browser, HOUR, MINUTE, PLAIN_HABITS, SECOND, type Habits } from './browser.js'
import { Random } from './random.js'
import type { Rules } from './rules/rules.js'
import { VirtualClock } from './virtual-clock.js'

const LOST = 0.02
const TABS = { tabs: 4, spreadMs: 3 * SECOND }
const FAN_OUT = { tabs: 8, spreadMs: 0 }

const retryAfter = (delayMs: number) => ({ lostResponses: LOST, lostRetries: LOST, retryAfterMs: () => delayMs })
/** 2, 4, 8 … seconds, at most 15 minutes, while half of the retries are lost too. */
const BACK_OFF = { lostResponses: LOST, lostRetries: 0.5, retryAfterMs: (attempt: number) => Math.min(2 ** attempt * SECOND, 15 * MINUTE) }

export interface HonestRow {
  name: string
  habits: Habits
  /** Hours of sleep in the middle of the day. */
  asleepHours?: number
}

const row = (name: string, habits: Partial<Habits>): HonestRow => ({ name, habits: { ...PLAIN_HABITS, ...habits } })

/** Nobody here may be signed out. */
export const HONEST_ROWS: readonly HonestRow[] = [
  row('4 tabs', TABS),
  row('8 parallel requests', FAN_OUT),
  row('2 % lost, retry after 2 s', retryAfter(2 * SECOND)),
  row('2 % lost, retry after 1 h', retryAfter(HOUR)),
  row('2 % lost, back-off, half of the retries lost', BACK_OFF),
  row('4 tabs, 2 % lost, retry after 2 s', { ...TABS, ...retryAfter(2 * SECOND) }),
  row('4 tabs, back-off, half of the retries lost', { ...TABS, ...BACK_OFF }),
  row('8 parallel requests, back-off, half of the retries lost', { ...FAN_OUT, ...BACK_OFF }),
  row('4 tabs, 2 % of answers take up to 30 s', { ...TABS, slowResponses: LOST }),
  { ...row('4 tabs after 8 h of sleep, back-off', { ...TABS, ...BACK_OFF }), asleepHours: 8 }
]

/** Clients that these rules do not keep signed in, or not all of them: printed as it is. */
export const HONEST_LIMITS: readonly HonestRow[] = [
  // A retry just before the end of the window and a rotation just after it cross, and the older cookie is stored last.
  row('4 tabs, 2 % lost, retry after 1 h', { ...TABS, ...retryAfter(HOUR) }),
  row('4 tabs over 60 s, 2 % of answers take up to 30 s', { tabs: 4, spreadMs: MINUTE, slowResponses: LOST })
]

/** True when this user was signed out within 24 hours, for nothing. */
export function isSignedOut (rules: Rules, { habits, asleepHours = 0 }: HonestRow, seed: number): boolean {
  const clock = new VirtualClock()
  const browser = new Browser({ clock, random: new Random(seed), family: rules.signIn(0) }, habits)
  if (asleepHours > 0) {
    clock.after(8 * HOUR, () => browser.sleep())
    clock.after((8 + asleepHours) * HOUR, () => browser.wake())
  }
  clock.run(24 * HOUR, () => browser.signedOut)
  return browser.signedOut
}
