import type { EventType } from '@fastify-uws-auth/auth-contract'
import type pg from 'pg'
import { listAuditRows, type AuditRow, type HistoryPosition } from '../db/audit.js'

export interface HistoryContext { pool: pg.Pool }

export interface HistoryPage {
  events: AuditRow[]
  /** Where the next page goes on; undefined at the end. */
  next: HistoryPosition | undefined
}

/**
 * What users see of what happened to them. Hashes and ids of devices mean nothing to them. Risks are the operator's:
 * a thief in the account could read from them which rule has noticed what.
 */
const VISIBLE = new Map<EventType, readonly string[]>([
  ['user.registered', ['username']],
  ['login.succeeded', ['newDevice', 'amr']],
  ['login.failed', ['reason']],
  ['session.revoked', ['reason']],
  ['session.theft', []],
  ['session.refreshed_elsewhere', ['outcome', 'rotatedIp']],
  ['password.changed', ['by']],
  ['account.locked', ['failures']],
  ['account.unlocked', ['by']],
  ['device.forgotten', []]
])

/**
 * Reads a page of a user's history, newest first. Events that arrive meanwhile neither repeat nor shift what the next
 * page shows.
 * @param before the `next` of the page before
 */
export async function readHistory ({ pool }: HistoryContext, userId: string, before: HistoryPosition | undefined, limit: number): Promise<HistoryPage> {
  const rows = await listAuditRows(pool, userId, [...VISIBLE.keys()], before, limit + 1)
  const events = rows.slice(0, limit).map(row => ({ ...row, data: onlyVisible(row) }))
  return { events, next: rows.length > limit ? events.at(-1) : undefined }
}

function onlyVisible ({ type, data }: AuditRow): Record<string, unknown> {
  return Object.fromEntries(VISIBLE.get(type)!.filter(member => member in data).map(member => [member, data[member]]))
}
