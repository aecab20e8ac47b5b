import type { Meter } from '@fastify-uws-auth/auth-contract'
import type { MailMetrics } from '../mail/mail-metrics.js'
import { auditConsumer } from './audit.js'
import type { Consumer } from './consumer.js'
import { createMailConsumer } from './mail.js'
import { createSignalsConsumer } from './signals.js'

/** Everybody inside this system who is told of events. */
export function createConsumers (meter: Meter, mailMetrics: MailMetrics): Consumer[] {
  return [
    auditConsumer,
    createSignalsConsumer(meter),
    createMailConsumer(mailMetrics)
  ]
}
