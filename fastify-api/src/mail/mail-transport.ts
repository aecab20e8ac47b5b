import type { SendMailOptions } from 'nodemailer'
import type { OutgoingMail } from './compose-mail.js'

/** `code` names the reason, such as `EENVELOPE 550`; never the text of a reply, which may repeat what was sent. */
export type Delivery = { kind: 'accepted' } | { kind: 'refused' | 'failed', code: string }

/** A way for mails to leave. */
export interface MailTransport {
  /**
   * Hands one mail over. `refused`: this mail cannot be delivered, another try would not help; `failed`: it may help.
   * @param signal ends the attempt, which has then failed
   */
  send (mail: OutgoingMail, signal: AbortSignal): Promise<Delivery>
  close (): void
}

// Stricter than RFC 5321: what is not allowed here needs quoting there, and has no place in a header.
const ADDRESS = /^[^\s\p{C}"(),:;<>@[\\\]]+@[^\s\p{C}"(),:;<>@[\\\]]+$/u

/** Why a mail cannot go anywhere at all, such as an address with a line break; undefined when it can. */
export function whyUndeliverable ({ to }: OutgoingMail): Delivery | undefined {
  return ADDRESS.test(to) ? undefined : { kind: 'refused', code: 'EADDRESS' }
}

/** The mail in the words of the library that writes its headers. */
export function messageOf ({ from, to, subject, text, messageId, date }: OutgoingMail): SendMailOptions {
  return {
    // Objects are taken as they are; a text would be read as a list of addresses.
    from: { name: '', address: from },
    to: { name: '', address: to },
    envelope: { from, to: [to] },
    subject,
    text,
    messageId,
    date,
    // RFC 3834: nobody's holiday answers this.
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true
  }
}
