import type { Mail } from '../db/mails.js'
import { TEMPLATES } from './templates.js'

/** A mail as it goes out: plain text, nothing of it but `text` and `to` depends on what anybody sent. */
export interface OutgoingMail {
  /** Of the row, for logs. */
  id: string
  from: string
  to: string
  subject: string
  text: string
  /** The same at every try, so that whoever gets a mail twice can tell. RFC 5322, section 3.6.4. */
  messageId: string
  date: Date
}

export interface ComposeOptions {
  from: string
  /** Origin by which the reader knows the service. */
  service: string
}

/** Writes the text of a mail. The same row always gives the same mail. */
export function composeMail (mail: Mail, { from, service }: ComposeOptions): OutgoingMail {
  const { subject, body } = TEMPLATES[mail.template]
  const { what, facts = [], advice } = body(mail)
  const when = `${mail.occurredAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const text = [
    `Hello ${mail.details.username},`,
    what,
    [['Service', service], ['When', when], ...facts].map(([name, value]) => `${name}: ${value}`).join('\n'),
    advice,
    'This mail was sent automatically.'
  ].join('\n\n')
  const messageId = `<${mail.id}@${from.slice(from.lastIndexOf('@') + 1)}>`
  return { id: mail.id, from, to: mail.recipient, subject, text: `${text}\n`, messageId, date: mail.createdAt }
}
