import type { Rules } from './rules.js'

/*
 * Ory Hydra 2.x as it comes (oauth2.grant.refresh_token.rotation_grace_period is 0) and oidc-provider 8 and 9 with
 * rotateRefreshToken: a refresh token works once; presenting a used one revokes the grant with all its tokens.
 */
export const strict: Rules = {
  name: 'strict',
  signIn () {
    let current = 0
    let revoked = false
    return {
      first: 0,
      get revoked () { return revoked },
      refresh (presented) {
        if (presented !== current) revoked = true
        return revoked ? undefined : ++current
      },
      showAccessToken () {}
    }
  }
}
