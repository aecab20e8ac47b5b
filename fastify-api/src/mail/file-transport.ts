import { mkdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import MailComposer from 'nodemailer/lib/mail-composer'
import type { Logger } from 'pino'
import { messageOf, whyUndeliverable, type MailTransport } from './mail-transport.js'

/**
 * Instead of sending mails puts each into a file, `<id>.eml`, which only this user can read and which appears at once
 * and whole.
 */
export function createFileTransport (folder: string, log: Logger): MailTransport {
  return {
    async send (mail) {
      const undeliverable = whyUndeliverable(mail)
      if (undeliverable) return undeliverable
      const file = path.join(folder, `${mail.id}.eml`)
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await writeFile(`${file}.part`, await new MailComposer(messageOf(mail)).compile().build(), { mode: 0o600 })
        await rename(`${file}.part`, file)
      } catch (err) {
        return { kind: 'failed', code: (err as NodeJS.ErrnoException).code ?? 'EUNKNOWN' }
      }
      log.info({ mailId: mail.id, subject: mail.subject, file }, 'SMTP_URL is not set: the mail is in a file')
      return { kind: 'accepted' }
    },
    close () {}
  }
}
