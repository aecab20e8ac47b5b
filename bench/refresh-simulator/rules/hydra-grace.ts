import type { Rules } from './rules.js'

const GRACE_MS = 60_000

/*
 * Ory Hydra 2.3 and later with rotation_grace_period 60 s and no count limit ("Graceful refresh token rotation"):
 * within the grace period after its first use a refresh token issues another, independent successor each time; after
 * it, presenting a used token revokes the whole chain.
 */
export const hydraGrace: Rules = {
  name: 'Hydra, 60 s grace',
  signIn () {
    const firstUsedAt: Array<number | undefined> = [undefined]
    let revoked = false
    return {
      first: 0,
      get revoked () { return revoked },
      refresh (presented, now) {
        if (revoked) return undefined
        const usedAt = firstUsedAt[presented] ??= now
        if (now - usedAt > GRACE_MS) {
          revoked = true
          return undefined
        }
        return firstUsedAt.push(undefined) - 1
      },
      showAccessToken () {}
    }
  }
}
