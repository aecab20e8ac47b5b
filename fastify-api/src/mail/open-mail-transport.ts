import { StartupError } from '@fastify-uws-auth/auth-contract'
import type { Logger } from 'pino'
import { isLocalHost } from './local-host.js'
import type { MailTransport } from './mail-transport.js'

export interface MailSettings { SMTP_URL?: string, MAIL_FROM?: string, MAIL_DIR: string, PUBLIC_URL: string }

const LOCAL_ADDRESS = 'no-reply@localhost'

/**
 * The way for mails to leave that the settings ask for, and the address they come from.
 * @throws {StartupError} when mails would leave this machine, or speak of another, without an address of the operator's own
 */
export async function openMailTransport ({ SMTP_URL, MAIL_FROM, MAIL_DIR, PUBLIC_URL }: MailSettings, log: Logger): Promise<{ transport: MailTransport, from: string }> {
  if (SMTP_URL === undefined) {
    const { createFileTransport } = await import('./file-transport.js')
    return { transport: createFileTransport(MAIL_DIR, log), from: MAIL_FROM ?? LOCAL_ADDRESS }
  }
  if (MAIL_FROM === undefined && !(isLocalHost(SMTP_URL) && isLocalHost(PUBLIC_URL))) {
    throw new StartupError('MAIL_FROM is not set; mails that SMTP_URL sends need an address of yours to come from')
  }
  const { createSmtpTransport } = await import('./smtp-transport.js')
  return { transport: createSmtpTransport(SMTP_URL), from: MAIL_FROM ?? LOCAL_ADDRESS }
}
