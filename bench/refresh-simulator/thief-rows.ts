import { Browser, HOUR, MINUTE, PLAIN_HABITS } from './browser.js'
import { Random } from './random.js'
import type { Rules } from './rules/rules.js'
import { alone, following, independent, nightly, patient, silent, type Thief } from './thieves.js'
import { VirtualClock } from './virtual-clock.js'

export interface ThiefRow { name: string, thief: Thief }

/** All of these must be caught. */
export const THIEF_ROWS: readonly ThiefRow[] = [
  { name: 'independent, at once', thief: independent },
  { name: 'independent, 1 to 6 h after the theft', thief: patient },
  { name: 'one use while the victim sleeps', thief: nightly },
  { name: 'silent: one use while the victim sleeps, no access token shown, comes back', thief: silent }
]

/** These are not; only proof of possession would catch them. */
export const THIEF_LIMITS: readonly ThiefRow[] = [
  { name: 'following: within the window after every refresh', thief: following },
  { name: 'the victim never returns', thief: alone }
]

const DAY = 24 * HOUR

/** Minutes from the theft until the session ended, undefined when it had not 24 hours later. */
export function minutesUntilCaught (rules: Rules, { thief }: ThiefRow, seed: number): number | undefined {
  const clock = new VirtualClock()
  const random = new Random(seed)
  const family = rules.signIn(0)
  const world = { clock, random, family }
  const victim = new Browser(world, PLAIN_HABITS)
  const stolenAt = random.between(HOUR, 12 * HOUR)
  clock.after(stolenAt, () => thief(world, victim))
  clock.run(stolenAt + DAY, () => family.revoked)
  return family.revoked ? (clock.now - stolenAt) / MINUTE : undefined
}
