import { latency, HOUR, MINUTE, REFRESH_EVERY_MS, SECOND, TIMER_JITTER_MS, type Browser, type World } from './browser.js'

/** Somebody with a copy of the cookie jar and nothing else; the victim goes on as before unless put to sleep. */
export type Thief = (world: World, victim: Browser) => void

/** One refresh with the stolen token. Calls back with the thief's next token when there is one. */
function refreshWith (world: World, stolen: number, usesAccessToken: boolean, next: (token: number) => void): void {
  const { clock, random, family } = world
  clock.after(latency(random), () => {
    const answer = family.refresh(stolen, clock.now)
    if (answer === undefined) return
    clock.after(latency(random), () => {
      if (usesAccessToken) family.showAccessToken(answer, clock.now)
      next(answer)
    })
  })
}

function refreshForever (world: World, token: number): void {
  refreshWith(world, token, true, next => {
    world.clock.after(REFRESH_EVERY_MS + world.random.between(0, TIMER_JITTER_MS), () => refreshForever(world, next))
  })
}

/** Uses the jar at once and keeps the session alive, every 15 minutes, as any client does. */
export const independent: Thief = (world, victim) => {
  const { jar } = victim
  world.clock.after(world.random.between(0, MINUTE), () => refreshForever(world, jar))
}

/** The same, beginning one to six hours after the theft. */
export const patient: Thief = (world, victim) => {
  const { jar } = victim
  world.clock.after(world.random.between(HOUR, 6 * HOUR), () => refreshForever(world, jar))
}

const SLEEP_MS = 8 * HOUR

function useOnceWhileAsleep (world: World, victim: Browser, usesAccessToken: boolean, next: (token: number) => void): void {
  victim.sleep()
  const { jar } = victim
  world.clock.after(world.random.between(MINUTE, SLEEP_MS - MINUTE), () => refreshWith(world, jar, usesAccessToken, next))
  world.clock.after(SLEEP_MS, () => victim.wake())
}

/** Refreshes once while the victim sleeps, uses the access token, and is gone. */
export const nightly: Thief = (world, victim) => useOnceWhileAsleep(world, victim, true, () => {})

/**
 * Refreshes once while the victim sleeps and shows the access token to nobody, so that the server cannot know that the
 * answer arrived. Comes back one to four hours after the victim has woken.
 */
export const silent: Thief = (world, victim) => {
  const { clock, random } = world
  const wakesAt = clock.now + SLEEP_MS
  useOnceWhileAsleep(world, victim, false, token => {
    clock.after(wakesAt - clock.now + random.between(HOUR, 4 * HOUR), () => refreshForever(world, token))
  })
}

/** Sees every refresh of the victim and presents the same token one to eight seconds later. */
export const following: Thief = (world, victim) => {
  const { clock, random } = world
  victim.onRotated = presented => {
    clock.after(random.between(SECOND, 8 * SECOND), () => refreshWith(world, presented, true, () => {}))
  }
}

/** The victim never comes back. */
export const alone: Thief = (world, victim) => {
  victim.sleep()
  independent(world, victim)
}
