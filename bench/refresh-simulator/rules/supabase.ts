import type { Rules } from './rules.js'

const REUSE_INTERVAL_MS = 10_000

/*
 * Supabase Auth, refresh tokens of algorithm version 2 (internal/tokens/service.go, RefreshTokenGrant), with its
 * defaults. A token carries a counter:
 * - the session's counter: the counter advances;
 * - one behind, however long ago ("fail-to-save"), or the session was refreshed less than the reuse interval of 10 s
 *   ago ("concurrent-refresh"): the current token again. Either counts as a refresh, so the interval slides;
 * - otherwise the session ends.
 * Access tokens play no part.
 */
export const supabase: Rules = {
  name: 'Supabase v2',
  signIn (now) {
    let counter = 0
    let refreshedAt = now
    let revoked = false
    return {
      first: 0,
      get revoked () { return revoked },
      refresh (presented, now) {
        if (revoked) return undefined
        const behind = counter - presented
        if (behind === 0) {
          counter += 1
        } else if (behind !== 1 && now - refreshedAt >= REUSE_INTERVAL_MS) {
          revoked = true
          return undefined
        }
        refreshedAt = now
        return counter
      },
      showAccessToken () {}
    }
  }
}
