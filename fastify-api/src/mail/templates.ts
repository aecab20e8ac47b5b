import type { Mail, MailTemplate } from '../db/mails.js'
import { displayed } from './displayed.js'

interface Template {
  /** Fixed: nothing that anybody sent gets into a header. */
  subject: string
  body: (mail: Pick<Mail, 'details'>) => { what: string, facts?: Array<[name: string, value: string]>, advice: string }
}

const SAFE_AGAIN = 'sign out everywhere and ask the administrator of the service for a new password.'
const IF_NOT_YOU = `If it was not you: ${SAFE_AGAIN}`

const refusedFrom = (where: string) => `Sign-ins from ${where} are refused until the administrator of the service unlocks your account or your password is changed.`

/** The texts. They have no links: whoever gets one goes to the service the way they always do. */
export const TEMPLATES: Record<MailTemplate, Template> = {
  new_device: {
    subject: 'New sign-in to your account',
    body: ({ details }) => ({
      what: 'Somebody signed in to your account from a device that has not been used with it before.',
      facts: [['Address', displayed(details.ip)], ['Browser, as it names itself', displayed(details.userAgent)]],
      advice: `If it was you, there is nothing to do.\n${IF_NOT_YOU}`
    })
  },
  session_theft: {
    subject: 'A sign-in of yours was ended for your safety',
    body: ({ details }) => ({
      what: 'A copy of one of your sign-ins was used a second time. That happens when somebody has stolen it, so that sign-in was ended.\nYour other sign-ins go on.',
      facts: [['Address that used the copy', displayed(details.ip)]],
      advice: `Sign in again. If you use a device that others can reach, or cannot explain this: ${SAFE_AGAIN}`
    })
  },
  password_changed: {
    subject: 'Your password was changed',
    body: ({ details }) => ({
      what: details.by === 'admin' ? 'An administrator has changed the password of your account.' : 'The password of your account was changed.',
      advice: details.by === 'admin' ? 'If you did not ask for it, ask the administrator of the service.' : 'If it was you, there is nothing to do.\nIf it was not you: ask the administrator of the service for help at once.'
    })
  },
  account_locked: {
    subject: 'Too many wrong passwords for your account',
    body: ({ details }) => ({
      what: details.knownDevice === true
        ? `Too many wrong passwords in a row were given for your account on one of your devices.\n${refusedFrom('that device')}\nYour other devices still work.`
        : `Too many wrong passwords in a row were given for your account.\n${refusedFrom('new devices')}\nDevices you have signed in from before still work.`,
      facts: details.failures === undefined ? [] : [['Wrong passwords', String(details.failures)]],
      advice: 'If it was you, ask the administrator of the service to unlock your account.\nIf it was not you: your password was not guessed.'
    })
  }
}
