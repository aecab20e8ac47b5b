/** One sign-in under some server's rules. A refresh token is a number; an access token is known by the refresh token that came with it. */
export interface Family {
  /** The refresh token from sign-in. */
  readonly first: number
  /** The server has ended the session. */
  readonly revoked: boolean
  /** Presents a refresh token. @returns the refresh token of the answer, undefined for a refusal */
  refresh (presented: number, now: number): number | undefined
  /** Uses the access token that came with a refresh token. */
  showAccessToken (issuedWith: number, now: number): void
}

export interface Rules {
  readonly name: string
  signIn (now: number): Family
}
