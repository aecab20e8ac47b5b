import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { claimDueMails, countWaitingMails, markMailFailed, markMailSent, type Mail } from '../db/mails.js'
import { composeMail, type ComposeOptions } from './compose-mail.js'
import type { MailMetrics } from './mail-metrics.js'
import type { Delivery, MailTransport } from './mail-transport.js'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

const TIMING = {
  pollMs: SECOND,
  /** After the first failed try, the second, …; the last one again and again. */
  backOffMs: [30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR],
  giveUpAfterMs: 24 * HOUR,
  /** Longest for one try. */
  sendMs: MINUTE,
  /** Longer than a try and what is written after it, so that nobody takes over what is still being sent. */
  leaseMs: 2 * MINUTE,
  /** What a stop leaves the mails that are being sent. */
  closeMs: 5 * SECOND
}

/** Mails at the same time. */
const AT_ONCE = 4
const COUNT_EVERY_MS = 10 * SECOND

export interface MailSenderOptions {
  pool: pg.Pool
  transport: MailTransport
  compose: ComposeOptions
  metrics: MailMetrics
  log: Logger
  /** Other times than those of every day. */
  timing?: Partial<typeof TIMING>
}

/**
 * Sends the mails that are due, until it is closed. However many senders run, each mail is taken by one. A sender that
 * dies between the server's acceptance and the note of it leaves a mail that goes out twice, both times with the same
 * Message-ID; it never leaves one that does not go out.
 */
export function startMailSender (options: MailSenderOptions): { close: () => Promise<void> } {
  const { pool, transport, metrics, log } = options
  const timing = { ...TIMING, ...options.timing }
  const stop = new AbortController()
  const abandonTries = new AbortController()
  const inFlight = new Set<Promise<void>>()
  const deliver = createDelivery({ ...options, timing, signal: abandonTries.signal })
  let countedAt = -Infinity

  async function count (): Promise<void> {
    if (performance.now() - countedAt < COUNT_EVERY_MS) return
    countedAt = performance.now()
    metrics.waiting(await countWaitingMails(pool))
  }

  async function round (): Promise<void> {
    await count()
    // No more than can start now: what is taken and waits would lose its lease.
    const free = AT_ONCE - inFlight.size
    const mails = await claimDueMails(pool, free, timing.leaseMs)
    for (const mail of mails) {
      const delivery = deliver(mail)
        .catch((err: unknown) => log.warn({ err, mailId: mail.id, requestId: mail.requestId ?? undefined }, 'a mail could not be handled to its end, it is tried again'))
        .finally(() => inFlight.delete(delivery))
      inFlight.add(delivery)
    }
    if (mails.length === free) await Promise.race(inFlight)
    else await sleep(timing.pollMs, undefined, { signal: stop.signal }).catch(() => {})
  }

  const running = (async () => {
    while (!stop.signal.aborted) {
      await round().catch(async (err: unknown) => {
        log.warn({ err }, 'mails cannot be read, it will be tried again')
        await sleep(timing.pollMs, undefined, { signal: stop.signal }).catch(() => {})
      })
    }
  })()

  return {
    async close () {
      stop.abort()
      const deadline = setTimeout(() => abandonTries.abort(), timing.closeMs)
      await running
      await Promise.all(inFlight)
      clearTimeout(deadline)
      transport.close()
    }
  }
}

function createDelivery ({ pool, transport, compose, metrics, log, timing, signal }: MailSenderOptions & { timing: typeof TIMING, signal: AbortSignal }) {
  let inTrouble = false

  // One line when it begins and one when it is over: every mail that waits fails by the same server.
  function tellOfTrouble (delivery: Delivery): void {
    if (delivery.kind === 'failed' && !inTrouble && !signal.aborted) log.warn({ code: delivery.code }, 'mails cannot be sent, they wait')
    if (delivery.kind === 'accepted' && inTrouble) log.info('mails are sent again')
    inTrouble = delivery.kind === 'failed'
  }

  return async (mail: Mail): Promise<void> => {
    const told = { mailId: mail.id, template: mail.template, requestId: mail.requestId ?? undefined }
    const delivery = await transport.send(composeMail(mail, compose), AbortSignal.any([signal, AbortSignal.timeout(timing.sendMs)]))
    tellOfTrouble(delivery)
    if (delivery.kind === 'accepted') {
      await markMailSent(pool, mail.id)
      metrics.counted(mail.template, 'sent')
      log.info(told, 'a mail was sent')
      return
    }
    const retryInMs = delivery.kind === 'refused' ? undefined : backOff(timing.backOffMs, mail.attempt)
    const state = await markMailFailed(pool, mail, delivery.code, retryInMs, timing.giveUpAfterMs)
    if (state === 'waiting') metrics.counted(mail.template, 'retried')
    if (state === 'abandoned') {
      metrics.counted(mail.template, 'abandoned')
      log.warn({ ...told, code: delivery.code, attempts: mail.attempt }, 'a mail was abandoned')
    }
  }
}

/** A fifth more or less, so that mails that failed together do not come back together. */
function backOff (delays: readonly number[], attempt: number): number {
  return delays[Math.min(attempt, delays.length) - 1]! * (0.8 + 0.4 * Math.random())
}
