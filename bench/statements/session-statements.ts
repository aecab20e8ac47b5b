import { randomBytes, randomInt } from 'node:crypto'
import type { Principal } from '@fastify-uws-auth/auth-contract'
import { confirmGenerations } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'
import { listAuditRows } from '../../fastify-api/src/db/audit.js'
import { createSession } from '../../fastify-api/src/db/create-session.js'
import { findDevice, listDevices } from '../../fastify-api/src/db/devices.js'
import { endAllSessions, endSession, endSessionOfUser, findSessionOwner } from '../../fastify-api/src/db/end-sessions.js'
import { recordEvent } from '../../fastify-api/src/db/events.js'
import { countGuess, forgetGuesses } from '../../fastify-api/src/db/guess-ceilings.js'
import { rotateSession } from '../../fastify-api/src/db/rotate-session.js'
import { isFresh, listLiveSessions, markAuthenticated } from '../../fastify-api/src/db/sessions.js'
import { findAccount, findCredentials } from '../../fastify-api/src/db/users.js'
import { createWsTicket } from '../../fastify-api/src/db/ws-tickets.js'
import { consumeWsTicket } from '../../uws-server/src/db/consume-ws-ticket.js'
import { touchPresence } from '../../uws-server/src/db/touch-presence.js'

/** Not the product's: a commit that only has to reach the disk. */
export const EMPTY_COMMIT = 'empty-commit'

/** A user of the population with the session that can be refreshed. */
export interface Someone { userId: string, username: string, passwordChangedAt: string, sessionId: string, secretHash: Buffer, deviceHash: Buffer, deviceId: string, generation: number }

const ORIGIN = { ip: '192.0.2.1', userAgent: 'Mozilla/5.0', requestId: '0123456789abcdef0123456789abcdef' }
const DAY_MS = 86_400_000
const HISTORY = ['login.succeeded', 'session.revoked'] as const
const SOCKET_PROCESSES = 4
const PRESENCE_AT_ONCE = 50
const CONFIRMED_AT_ONCE = 100

/**
 * What requests ask of PostgreSQL, by name, each by the function that asks it in the product.
 * @param pool of the API
 * @param wsPool of the socket server
 */
export function sessionStatements (pool: pg.Pool, wsPool: pg.Pool, people: readonly Someone[]): Record<string, () => Promise<unknown>> {
  const anybody = () => people[randomInt(people.length)]!
  // Sessions that end are taken from one end, those that are rotated from all: one that has ended answers as quickly.
  let taken = 0
  const somebodyElse = () => people[taken++ % people.length]!
  const rotate = async (replayWindowMs: number, generationsBack: number): Promise<void> => {
    const one = anybody()
    const presented = { ...one, generation: one.generation - generationsBack }
    const outcome = await rotateSession(pool, presented, { replayWindowMs, idleLifetimeMs: 7 * DAY_MS }, ORIGIN)
    one.generation = Math.max(one.generation, outcome!.generation)
  }
  const principalOf = ({ userId, sessionId, generation }: Someone): Principal => {
    const issuedAt = Math.floor(Date.now() / 1000)
    return { issuer: 'bench', subject: userId, sessionId, refreshGeneration: generation, keyId: 'bench', issuedAt, expiresAt: issuedAt + 900, authTime: issuedAt, amr: ['pwd'] }
  }
  const tickets: Buffer[] = []
  const buyTicket = async (): Promise<void> => {
    const hash = randomBytes(32)
    await createWsTicket(pool, hash, principalOf(anybody()), 3600)
    tickets.push(hash)
  }
  const processes = Array.from({ length: SOCKET_PROCESSES }, (_, n) => `00000000-0000-4000-9000-${String(n).padStart(12, '0')}`)
  let turn = 0

  return {
    [EMPTY_COMMIT]: () => pool.query({ name: EMPTY_COMMIT, text: "select pg_logical_emit_message(true, 'bench', '')" }),
    'find-credentials': () => findCredentials(pool, anybody().username),
    'find-device': () => {
      const { userId, deviceHash } = anybody()
      return findDevice(pool, userId, [deviceHash], 3600)
    },
    'count-guess': () => countGuess(pool, anybody().userId, null),
    'forget-guesses': () => forgetGuesses(pool, anybody().userId, null),
    'create-session': () => {
      const { userId, passwordChangedAt, deviceId } = anybody()
      return createSession(pool, {
        userId,
        passwordChangedAt,
        secretHash: randomBytes(32),
        amr: ['pwd'],
        origin: ORIGIN,
        device: { id: deviceId, freshSecretHash: randomBytes(32) },
        maxAgeMs: 30 * DAY_MS,
        idleLifetimeMs: 7 * DAY_MS,
        replaces: undefined,
        maximum: { sessions: 100, devices: 50 }
      })
    },
    'rotate-session': () => rotate(0, 0),
    'rotate-session-replay': () => rotate(DAY_MS, 1),
    'end-session': () => endSession(pool, somebodyElse().sessionId, 'logout', ORIGIN.requestId),
    'end-session-of-user': () => {
      const { userId, sessionId } = somebodyElse()
      return endSessionOfUser(pool, userId, sessionId, 'logout', ORIGIN.requestId)
    },
    'end-all-sessions': () => endAllSessions(pool, somebodyElse().userId, 'logout', { requestId: ORIGIN.requestId }),
    'find-session-owner': () => {
      const { sessionId, secretHash } = anybody()
      return findSessionOwner(pool, sessionId, secretHash)
    },
    'list-sessions': () => listLiveSessions(pool, anybody().userId),
    'list-devices': () => {
      const { userId, sessionId } = anybody()
      return listDevices(pool, userId, sessionId)
    },
    'list-history': () => listAuditRows(pool, anybody().userId, HISTORY, undefined, 50),
    'find-account': () => findAccount(pool, anybody().userId),
    'is-fresh': () => {
      const { userId, sessionId } = anybody()
      return isFresh(pool, userId, sessionId, 300_000)
    },
    'mark-authenticated': () => {
      const { userId, sessionId } = anybody()
      return markAuthenticated(pool, userId, sessionId)
    },
    'record-event': () => recordEvent(pool, { type: 'login.failed', userId: anybody().userId, requestId: ORIGIN.requestId, data: { reason: 'wrong_password', ip: ORIGIN.ip, userAgent: ORIGIN.userAgent, deviceId: null, account: 'bench' } }),
    'create-ws-ticket': buyTicket,
    'consume-ws-ticket': () => consumeWsTicket(wsPool, tickets.pop() ?? randomBytes(32)),
    [`confirm-generations-${CONFIRMED_AT_ONCE}`]: () => {
      const some = Array.from({ length: CONFIRMED_AT_ONCE }, anybody)
      return confirmGenerations(pool, some.map(({ sessionId }) => sessionId), some.map(({ generation }) => generation))
    },
    [`touch-presence-${PRESENCE_AT_ONCE}`]: () => {
      const some = () => Array.from({ length: PRESENCE_AT_ONCE }, () => anybody().sessionId)
      return touchPresence(wsPool, processes[turn++ % SOCKET_PROCESSES]!, some(), some())
    }
  }
}
