import type { Revocation, RevocationAnnouncer } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'
import { endAllSessions, endSessionOfUser } from '../db/end-sessions.js'

export interface SessionsContext { pool: pg.Pool, announcer: RevocationAnnouncer }

/** Who asks, from a verified access token. */
export interface SessionHolder { subject: string, sessionId: string }

const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Ends one session of the user who asks, whichever it is. When this resolves, no refresh of it can succeed and this
 * process accepts no access token of it.
 * @param sessionId whatever the client sent
 * @returns undefined, without saying why, for anybody else's, an unknown, an ended and a malformed one
 */
export async function endOwnSession ({ pool, announcer }: SessionsContext, { subject }: SessionHolder, sessionId: string, requestId: string): Promise<Revocation | undefined> {
  if (!SESSION_ID.test(sessionId)) return undefined
  const ended = await endSessionOfUser(pool, subject, sessionId, 'logout', requestId)
  if (ended) announcer.announce([ended])
  return ended
}

/** Ends every session of the user but the one that asks. @returns what ended just now */
export async function endOtherSessions ({ pool, announcer }: SessionsContext, { subject, sessionId }: SessionHolder, requestId: string): Promise<Revocation[]> {
  const ended = await endAllSessions(pool, subject, 'logout', { requestId, keep: sessionId })
  announcer.announce(ended)
  return ended
}
