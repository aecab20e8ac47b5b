import type { Meter } from '@fastify-uws-auth/auth-contract'

export interface MailMetrics {
  /** @param result `sent`, `retried`, `abandoned` or `suppressed` */
  counted: (template: string, result: string) => void
  /** How many wait, as last read from the table. */
  waiting: (count: number) => void
}

export function createMailMetrics (meter: Meter): MailMetrics {
  let waiting = 0
  meter.gauge({ name: 'mails_waiting', help: 'Mails that have not been sent yet, of all workers', together: 'max' }, () => waiting)
  return {
    counted: meter.counter({ name: 'mails_total', help: 'Mails by what became of them; each further try is one that was retried', labels: ['template', 'result'] }),
    waiting: count => { waiting = count }
  }
}
