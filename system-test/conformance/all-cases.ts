import { ANONYMOUS } from './cases/anonymous.js'
import { EXPIRY } from './cases/expiry.js'
import { CLOSING, FRAMING } from './cases/framing.js'
import { HANDSHAKE } from './cases/handshake.js'
import { LIMITS } from './cases/limits.js'
import { MALFORMED } from './cases/malformed.js'
import { MESSAGES } from './cases/messages.js'
import { OPENING } from './cases/opening.js'
import { ORIGIN } from './cases/origin.js'
import { REAUTH } from './cases/reauth.js'
import { REVOCATION } from './cases/revocation.js'
import { ROBUSTNESS } from './cases/robustness.js'
import { TICKETS } from './cases/tickets.js'
import type { Case } from './runner.js'

/** The contract as sentences that a server can be held to. */
export const ALL_CASES: readonly Case[] = [
  ...OPENING, ...ORIGIN, ...MESSAGES, ...MALFORMED, ...LIMITS, ...EXPIRY, ...REAUTH, ...REVOCATION, ...ANONYMOUS, ...TICKETS, ...HANDSHAKE, ...FRAMING, ...CLOSING, ...ROBUSTNESS
]
