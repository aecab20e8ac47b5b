import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { DEVICE_LIFETIME_SECONDS } from './auth/devices.js'
import { dropOldAuditMonths } from './db/audit.js'
import { deleteUnusedDevices } from './db/devices.js'
import { deleteOldRevocations } from './db/end-sessions.js'
import { deleteFinishedMails } from './db/mails.js'
import { deleteLeftPresence, forgetSilentProcesses } from './db/presence.js'
import { deleteExpiredSessions } from './db/sessions.js'
import { deleteOldObservations, deleteOldRisks } from './db/signals.js'
import { deleteExpiredWsTickets } from './db/ws-tickets.js'

const EVERY_MS = 60_000
const BATCH = 1000
const PAUSE_BETWEEN_BATCHES_MS = 50
// Longer than the longest access token (1 h) lives and than a reader looks back at its start (1 h).
const KEEP_REVOCATIONS_MS = 24 * 3_600_000
// Six heartbeats; after three, its sessions count as offline already.
const KEEP_SILENT_PROCESSES_MS = 60_000
/** Counted from when it was written, however late the event: longer than two windows of a risk rule, and than its cool-down. */
export const KEEP_SIGNALS_MS = 3 * 3_600_000

const KEEP_MAILS_MS = 30 * 24 * 3_600_000

/** How many rows went; of the audit log, how many months. */
export interface CleanedUp { sessions: number, revocations: number, tickets: number, presence: number, devices: number, signals: number, mails: number, auditMonths: number }

/**
 * Removes what has ended, in small batches and off the request path. Several workers at once are harmless.
 * @param keepAuditMs how long the audit log is kept
 */
export function startCleanUp (pool: pg.Pool, log: Logger, keepAuditMs: number): { close: () => Promise<void> } {
  const stop = new AbortController()
  const running = (async () => {
    while (!stop.signal.aborted) {
      await cleanUpOnce(pool, log, keepAuditMs, stop.signal).catch(err => log.warn({ err }, 'clean-up failed, it will be tried again'))
      await sleep(EVERY_MS, undefined, { signal: stop.signal }).catch(() => {})
    }
  })()
  return {
    async close () {
      stop.abort()
      await running
    }
  }
}

/** One round: batches until nothing is left or `signal` says stop. */
export async function cleanUpOnce (pool: pg.Pool, log: Logger, keepAuditMs: number, signal?: AbortSignal): Promise<CleanedUp> {
  const sessions = await inBatches(() => deleteExpiredSessions(pool, BATCH), signal)
  const revocations = await inBatches(() => deleteOldRevocations(pool, KEEP_REVOCATIONS_MS, BATCH), signal)
  const tickets = await inBatches(() => deleteExpiredWsTickets(pool, BATCH), signal)
  await forgetSilentProcesses(pool, KEEP_SILENT_PROCESSES_MS)
  const presence = await inBatches(() => deleteLeftPresence(pool, BATCH), signal)
  const devices = await inBatches(() => deleteUnusedDevices(pool, DEVICE_LIFETIME_SECONDS, BATCH), signal)
  const observations = await inBatches(() => deleteOldObservations(pool, KEEP_SIGNALS_MS, BATCH), signal)
  const signals = observations + await inBatches(() => deleteOldRisks(pool, KEEP_SIGNALS_MS, BATCH), signal)
  const mails = await inBatches(() => deleteFinishedMails(pool, KEEP_MAILS_MS, BATCH), signal)
  const auditMonths = await dropOldAuditMonths(pool, keepAuditMs)
  const cleanedUp = { sessions, revocations, tickets, presence, devices, signals, mails, auditMonths }
  if (Object.values(cleanedUp).some(count => count > 0)) log.info(cleanedUp, 'cleaned up')
  return cleanedUp
}

async function inBatches (deleteBatch: () => Promise<number>, signal: AbortSignal | undefined): Promise<number> {
  let total = 0
  for (;;) {
    const deleted = await deleteBatch()
    total += deleted
    if (deleted < BATCH || signal?.aborted) return total
    await sleep(PAUSE_BETWEEN_BATCHES_MS)
  }
}
