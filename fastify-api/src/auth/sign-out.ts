import type { Principal, Revocation, RevocationAnnouncer } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'
import { endAllSessions, endSession, findSessionOwner } from '../db/end-sessions.js'
import type { PepperFile } from './peppers.js'
import { hashFamilySecret, readRefreshToken } from './refresh-token.js'

export interface SignOutContext { pool: pg.Pool, peppers: PepperFile, announcer: RevocationAnnouncer }

export interface SignOutRequest {
  /** The refresh cookie, whatever it holds. */
  refreshToken: string | undefined
  /** From a verified access token, when there was one. */
  principal: Principal | undefined
  /** Ends every session of the user, not only this one. */
  everywhere: boolean
  requestId: string
}

/**
 * Ends the session of a refresh cookie, of an access token, or of both. Idempotent: what cannot be recognised or has
 * ended already is no error (RFC 7009, section 2.2). When this resolves, no refresh of an ended session can succeed
 * and this process accepts no access token of it.
 * @returns what ended just now
 */
export async function signOut ({ pool, peppers, announcer }: SignOutContext, request: SignOutRequest): Promise<Revocation[]> {
  const holders = new Map<string, string>()
  if (request.principal) holders.set(request.principal.sessionId, request.principal.subject)
  const token = request.refreshToken === undefined ? undefined : await readRefreshToken(peppers, request.refreshToken)
  if (token) {
    const owner = await findSessionOwner(pool, token.sessionId, hashFamilySecret(token.secret))
    if (owner !== undefined) holders.set(token.sessionId, owner)
  }
  const ended: Revocation[] = []
  for (const [sessionId, userId] of holders) {
    if (request.everywhere) ended.push(...await endAllSessions(pool, userId, 'logout', { requestId: request.requestId }))
    else ended.push(...[await endSession(pool, sessionId, 'logout', request.requestId)].filter(session => session !== undefined))
  }
  announcer.announce(ended)
  return ended
}
