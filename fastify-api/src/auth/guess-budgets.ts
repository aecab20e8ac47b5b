import { normalizeIP } from '@fastify/rate-limit'
import type { Budget, LimitCounters } from '../limits/limit-counters.js'
import type { LimitKeys } from '../limits/limit-key.js'

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE

/** Wrong passwords in a row, and what they cost. docs/limits.md gives the reasons. */
export const GUESS_BUDGETS = {
  /** An account on a device it has signed in from before: an attack from elsewhere does not keep its owner out. */
  account_device: { free: 10, delays: { firstMs: 2 * SECOND, longestMs: 15 * MINUTE }, forgottenAfterMs: DAY },
  /** At the confirmation of a password: with a stolen access token somebody could make the owner wait otherwise. */
  session: { free: 10, delays: { firstMs: 2 * SECOND, longestMs: 15 * MINUTE }, forgottenAfterMs: DAY },
  account_address: { free: 10, delays: { firstMs: 2 * SECOND, longestMs: 15 * MINUTE }, forgottenAfterMs: DAY },
  /** An account from all unknown devices together: a botnet has many addresses. */
  account: { free: 20, delays: { firstMs: SECOND, longestMs: MINUTE }, forgottenAfterMs: DAY },
  /** An address over all accounts: one password tried on many of them. A fixed window, in which successes do not count. */
  source: { free: 60, forgottenAfterMs: 10 * MINUTE }
} as const satisfies Record<string, Omit<Budget, 'key'>>

export type GuessBudgetName = keyof typeof GUESS_BUDGETS

export interface GuessBy {
  /** A name of what was typed, so that an account's name and its e-mail address are not told apart from two accounts; who is signed in: the user's id. */
  account: string
  /** From when on its failures count; another instant begins anew. The same for every unknown user. */
  countedFrom: string | undefined
  /** Of who is signed in already. */
  sessionId?: string
  /** The recognised device of the account; null for an unknown one. */
  deviceId: string | null
  /** Where it came from, in any spelling; null when it is no address, which counts as one. */
  address: string | null
}

/** A guess that has been counted as a failure. Nothing more to do when it is one. */
export interface GuessAttempt {
  kind: 'begun'
  /** Forgets the failures of the budgets that were used. */
  succeeded (): Promise<void>
  /** Nobody has learnt anything by it. */
  notEvaluated (): Promise<void>
}

/** A budget has to wait; none has been charged. */
export interface LimitedGuess {
  kind: 'limited'
  limit: GuessBudgetName
  /** Seconds. */
  retryAfter: number
}

export interface GuessBudgets {
  begin (guess: GuessBy): Promise<GuessAttempt | LimitedGuess>
}

export interface GuessBudgetsOptions {
  counters: LimitCounters
  limitKeys: LimitKeys
  /** Of the failures that are free. */
  multiplier: number
  onLimited: (budget: GuessBudgetName) => void
}

/** Budgets that are asked before a secret is compared. An attempt counts as a failure until it is told otherwise. */
export function createGuessBudgets ({ counters, limitKeys, multiplier, onLimited }: GuessBudgetsOptions): GuessBudgets {
  const budget = (name: GuessBudgetName, ...parts: string[]): Budget & { name: GuessBudgetName } =>
    ({ ...GUESS_BUDGETS[name], name, free: Math.ceil(GUESS_BUDGETS[name].free * multiplier), key: limitKeys(name, ...parts) })
  const keysOf = (budgets: Budget[]) => budgets.map(({ key }) => key)

  return {
    async begin ({ account: id, countedFrom = '', sessionId, deviceId, address }) {
      const source = normalizeIP(address ?? 'unknown')         // as the limits of requests have it: IPv6 by /64
      const account = [id, countedFrom]
      const ofKnown = sessionId !== undefined
        ? budget('session', ...account, sessionId)
        : deviceId !== null && budget('account_device', ...account, deviceId)
      const ofAccount = ofKnown ? [ofKnown] : [budget('account_address', ...account, source), budget('account', ...account)]
      const ofSource = ofKnown ? [] : [budget('source', source)]
      const budgets = [...ofAccount, ...ofSource]
      const begun = await counters.begin(budgets)
      if (begun.kind === 'refused') {
        const limit = budgets[begun.index]!.name
        onLimited(limit)
        return { kind: 'limited', limit, retryAfter: Math.ceil(begun.waitMs / SECOND) }
      }
      return {
        kind: 'begun',
        async succeeded () {
          await counters.reset(keysOf(ofAccount))
          if (ofSource.length > 0) await begun.attempt.forgive(keysOf(ofSource))
        },
        notEvaluated: () => begun.attempt.forgive(keysOf(budgets))
      }
    }
  }
}
