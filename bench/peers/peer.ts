import type { EmptyDatabase } from '../harness/empty-database.js'

/** Where refresh tokens are exchanged, each for an access token and the next refresh token. */
export interface RefreshTarget {
  url: string
  /** Parameters beside the refresh token (RFC 6749, section 6); without them it travels in the first cookie. */
  form?: Record<string, string>
  /** One of each client. */
  tokens: string[]
}

/** Where users sign in. */
export interface SignInTarget {
  url: string
  headers?: Record<string, string>
  /** Of the requests, in JSON; one of each user. */
  bodies: unknown[]
}

export interface PeerOptions {
  database: EmptyDatabase
  /** With `private.pem` and `public.pem`. */
  keysDir: string
  users: number
  password: string
  bcryptCost: number
  /** How many refresh tokens there shall be. */
  tokens: number
}

export interface Peer {
  pid: number
  refresh: RefreshTarget
  signIn: SignInTarget
}
