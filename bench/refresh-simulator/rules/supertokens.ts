import type { Rules } from './rules.js'

/*
 * SuperTokens core 12.1 (Session.refreshSession and getSession, driver interfaces up to 5.4). The row knows one refresh
 * token, the confirmed one:
 * - the confirmed token: a new child each time, the row stays, so a retry forks;
 * - a child of the confirmed token: it is confirmed, and gets a child;
 * - an access token that came with a child of the confirmed token confirms that child; its siblings are dead from then on;
 * - any other refresh token: theft. The SDK's default answer to that revokes the session.
 * The lock by which its own browser library keeps tabs apart is not part of these rules.
 */
export const supertokens: Rules = {
  name: 'SuperTokens 12.1',
  signIn () {
    const parentOf: number[] = [-1]
    let confirmed = 0
    let revoked = false
    return {
      first: 0,
      get revoked () { return revoked },
      refresh (presented) {
        if (revoked) return undefined
        if (presented !== confirmed) {
          if (parentOf[presented] !== confirmed) {
            revoked = true
            return undefined
          }
          confirmed = presented
        }
        return parentOf.push(presented) - 1
      },
      showAccessToken (issuedWith) {
        if (parentOf[issuedWith] === confirmed) confirmed = issuedWith
      }
    }
  }
}
