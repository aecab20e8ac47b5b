import type { Meter } from '@fastify-uws-auth/auth-contract'
import type { MailTemplate } from '../db/mails.js'
import { TEMPLATES } from './templates.js'

const RESULTS = ['sent', 'retried', 'abandoned', 'suppressed'] as const

export interface MailMetrics {
  counted: (template: MailTemplate, result: typeof RESULTS[number]) => void
  /** How many wait, as last read from the table. */
  waiting: (count: number) => void
}

export function createMailMetrics (meter: Meter): MailMetrics {
  let waiting = 0
  meter.gauge({ name: 'mails_waiting', help: 'Mails that have not been sent yet, of all workers', together: 'max' }, () => waiting)
  const counted = meter.counter({
    name: 'mails_total', help: 'Mails by what became of them, see mail.md; each further try is one that was `retried`', labels: { template: Object.keys(TEMPLATES) as MailTemplate[], result: RESULTS }
  })
  return {
    counted: (template, result) => counted({ template, result }),
    waiting: count => { waiting = count }
  }
}
