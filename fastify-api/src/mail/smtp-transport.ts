import { createTransport } from 'nodemailer'
import { isLocalHost } from './local-host.js'
import { messageOf, whyUndeliverable, type Delivery, type MailTransport } from './mail-transport.js'

/** Mails that a worker hands over at the same time. */
export const SMTP_CONNECTIONS = 4

export interface SmtpTimeouts { connectMs: number, greetingMs: number, silenceMs: number }

export const TIMEOUTS: SmtpTimeouts = { connectMs: 10_000, greetingMs: 10_000, silenceMs: 30_000 }
/** Authentication needed or failed (RFC 4954, section 6): the settings are wrong, not the mail. */
const NOT_THE_MAIL = [530, 534, 535, 538]

/**
 * Sends by SMTP over connections that are used again. `smtps:` is TLS from the start. With `smtp:` credentials leave
 * this machine after STARTTLS only, otherwise STARTTLS is used when it is offered; certificates are always checked. On
 * this machine `smtp:` does without.
 * @param url checked by the settings
 */
export function createSmtpTransport (url: string, { connectMs, greetingMs, silenceMs }: SmtpTimeouts = TIMEOUTS): MailTransport {
  const { protocol, hostname, port, username, password } = new URL(url)
  const secure = protocol === 'smtps:'
  const isLocal = isLocalHost(url)
  const hasCredentials = username !== ''
  const transporter = createTransport({
    pool: true,
    // Taken apart here: the library would also read options from the query of a URL, such as one that trusts everybody.
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? secure ? 465 : 587 : Number(port),
    secure,
    ignoreTLS: isLocal,
    requireTLS: hasCredentials && !isLocal,
    tls: { minVersion: 'TLSv1.2' },
    ...hasCredentials && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) }, forceAuth: true },
    maxConnections: SMTP_CONNECTIONS,
    // A connection that the server closed while it was idle is no failure; everything else is the sender's to try again.
    maxRequeues: 1,
    idleTimeout: 30_000,
    dnsTimeout: connectMs,
    connectionTimeout: connectMs,
    greetingTimeout: greetingMs,
    socketTimeout: silenceMs
  })
  return {
    async send (mail, signal) {
      const undeliverable = whyUndeliverable(mail)
      if (undeliverable) return undeliverable
      try {
        await transporter.sendMail({ ...messageOf(mail), signal })
        return { kind: 'accepted' }
      } catch (err) {
        return deliveryOf(err as SmtpError)
      }
    },
    close: () => transporter.close()
  }
}

interface SmtpError extends Error { code?: string, responseCode?: number, command?: string }

function deliveryOf ({ code = 'EUNKNOWN', responseCode, command }: SmtpError): Delivery {
  const isPermanent = responseCode !== undefined && responseCode >= 500 && !NOT_THE_MAIL.includes(responseCode)
  // A refusal of the sender's address concerns MAIL_FROM, so every mail.
  const concernsMail = (code === 'EENVELOPE' && command !== 'MAIL FROM') || code === 'EMESSAGE'
  return { kind: isPermanent && concernsMail ? 'refused' : 'failed', code: [code, responseCode ?? []].flat().join(' ') }
}
