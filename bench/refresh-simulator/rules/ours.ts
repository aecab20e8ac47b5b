import { confirm, decide, newSession } from '../decide.js'
import type { Rules } from './rules.js'

/** API and socket processes write the generations they have seen about once a second. */
const CONFIRMED_AFTER_MS = 1000

/*
 * docs/refresh-rotation.md with its defaults: replay window 10 s, replays never limited here, no failover. A token is
 * its generation.
 */
export const ours: Rules = {
  name: 'ours',
  signIn (now) {
    let session = newSession(now)
    const seen: Array<{ generation: number, writtenAt: number }> = []
    const write = (now: number) => {
      while (seen.length > 0 && seen[0]!.writtenAt <= now) session = confirm(session, seen.shift()!.generation)
    }
    return {
      first: 0,
      get revoked () { return session.revoked },
      refresh (presented, now) {
        write(now)
        const decision = decide(session, presented, now)
        session = decision.session
        return ['rotate', 'replay', 'heal', 'late_rotate'].includes(decision.outcome) ? session.generation : undefined
      },
      showAccessToken (issuedWith, now) {
        seen.push({ generation: issuedWith, writtenAt: now + CONFIRMED_AFTER_MS })
      }
    }
  }
}
