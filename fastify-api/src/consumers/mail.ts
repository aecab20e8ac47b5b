import type { AuthEvent } from '@fastify-uws-auth/auth-contract'
import { planMails, type MailDetails, type MailTemplate, type NewMail } from '../db/mails.js'
import type { MailMetrics } from '../mail/mail-metrics.js'
import type { Consumer } from './consumer.js'

/** A flood of sign-ins must not become a flood of mails. */
export const MAILS_PER_HOUR = 10

/**
 * Writes down the mails that tell users what has happened to their accounts; the sender takes them from there. A
 * disabled account gets them, too: what they tell happened to it all the same.
 */
export function createMailConsumer (metrics: MailMetrics): Consumer {
  return {
    name: 'mail',
    types: ['login.succeeded', 'session.theft', 'password.changed', 'account.locked'],
    async handle (db, events) {
      const mails = events.flatMap(mailOf)
      if (mails.length === 0) return undefined
      const planned = await planMails(db, mails, MAILS_PER_HOUR)
      return () => {
        for (const { template, state } of planned) if (state === 'suppressed') metrics.counted(template, state)
      }
    }
  }
}

function mailOf (event: AuthEvent): NewMail[] {
  switch (event.type) {
    case 'login.succeeded': {
      const { newDevice, ip, userAgent, sessionId } = event.data
      return newDevice ? mail(event, 'new_device', { ip, userAgent }, sessionId) : []
    }
    case 'session.theft': return mail(event, 'session_theft', { ip: event.data.ip })
    case 'password.changed': return mail(event, 'password_changed', { by: event.data.by })
    case 'account.locked': return mail(event, 'account_locked', { failures: event.data.failures, knownDevice: event.data.deviceId !== null })
    default: return []
  }
}

function mail ({ id, subject, time, requestid }: AuthEvent, template: MailTemplate, details: MailDetails, sessionId?: string): NewMail[] {
  return subject === undefined ? [] : [{ eventId: id, template, userId: subject, sessionId, requestId: requestid, occurredAt: time, details }]
}
