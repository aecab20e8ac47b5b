import { setImmediate } from 'node:timers/promises'
import type { Principal, Verification } from '@fastify-uws-auth/auth-contract'
import fc from 'fast-check'
import t from 'tap'
import { ALICE, AUTH_TIMEOUT_MS, ConnectionUnderTest, GRACE_MS, LIFETIME_MS, REFUSED, START, TICK_MS, principalOf, verified, expired, type Frame } from './fixtures/connection.js'

const OTHER_SESSION = '00000000-0000-4000-8000-000000000000'

/** What the client and the world know, apart from the connection. */
interface Model {
  /** Access tokens that the API has issued, oldest first. */
  issued: Principal[]
  /** Ids of accepted messages that have no answer yet, in order. */
  unanswered: string[]
  /** When the credentials arrived that are verified or wait for that; they are verified one after the other. */
  verifyingSince: number[]
  /** For life, once there is one. */
  sessionId: string | undefined
  /** Undefined while the socket is anonymous. */
  expiresAt: number | undefined
  seen: number
  messages: number
  revoked: boolean
}

/** A connection whose frames are judged as they come. */
class Subject {
  readonly it: ConnectionUnderTest

  constructor (principal: Principal | null) {
    this.it = new ConnectionUnderTest({ principal })
  }

  say (model: Model, message: Record<string, unknown>): void {
    const id = `m${model.messages++}`
    model.unanswered.push(id)
    if (['auth', 'reauth'].includes(String(message['type'])) && this.it.ends.length === 0) model.verifyingSince.push(this.it.now)
    this.it.say({ ...message, id })
    this.judge(model)
  }

  judge (model: Model): void {
    const { it } = this
    if (it.ends.length > 1) throw new Error('ended twice')
    for (; model.seen < it.frames.length; model.seen++) this.#judgeFrame(it.frames[model.seen]!, it.sentAt[model.seen]!, model)
    if (model.expiresAt === undefined) this.#judgeAnonymous()
    else this.#judgeExpiry(model, model.expiresAt + GRACE_MS)
    if (model.revoked && it.ends.length === 0) throw new Error('open although its session has ended')
  }

  #judgeAnonymous (): void {
    const { it } = this
    const closesAt = START + AUTH_TIMEOUT_MS
    const isVerifying = it.verifying.length > 0
    if (it.end?.code === 4408 && (isVerifying || it.endedAt! < closesAt)) throw new Error('timed out too early')
    if (it.ends.length === 0 && it.now >= closesAt + TICK_MS && !isVerifying) throw new Error('still anonymous a tick after the time-out')
    if (it.frames.some(({ type }) => ['echo', 'reauth_success', 'token_expiring'].includes(type))) throw new Error('an anonymous socket was served')
  }

  #judgeExpiry (model: Model, closesAt: number): void {
    const { it } = this
    const awaitsReauth = it.verifying.length > 0 && model.verifyingSince.some(at => at < closesAt)
    if (it.end?.code === 4419 && awaitsReauth) throw new Error('closed although a reauth came in time')
    if (it.ends.length === 0 && it.now >= closesAt + TICK_MS && !awaitsReauth) throw new Error('still open a tick after the grace')
    if (it.end?.code === 4419 && it.endedAt! < closesAt) throw new Error('closed for expiry before the end of the grace')
  }

  #judgeFrame ({ type, id, payload }: Frame, sentAt: number, model: Model): void {
    const { it } = this
    if (id !== undefined) {
      if (model.unanswered.shift() !== id) throw new Error(`${id} was answered out of order`)
    }
    if (type === 'connected' && payload['anonymous'] !== true) model.expiresAt = Date.parse(String(payload['expiresAt']))
    if (type === 'reauth_success') {
      const expiresAt = Date.parse(String(payload['expiresAt']))
      if (expiresAt < model.expiresAt!) throw new Error('expiresAt went back')
      if (payload['unchanged'] && expiresAt !== model.expiresAt) throw new Error('unchanged, but not the same')
      model.expiresAt = expiresAt
    }
    if (type === 'echo' && sentAt >= (model.expiresAt ?? 0)) throw new Error('an echo without authority')
    if (type === 'token_expiring' && sentAt >= (model.expiresAt ?? 0)) throw new Error('a warning in the grace')
    model.sessionId ??= it.connection.principal?.sessionId
    if ((payload['userId'] ?? ALICE.subject) !== ALICE.subject || it.connection.principal?.sessionId !== model.sessionId) throw new Error('the identity changed')
  }
}

type Command = fc.AsyncCommand<Model, Subject>

function command (name: string, run: (model: Model, subject: Subject) => void | Promise<void>): Command {
  return {
    check: () => true,
    async run (model, subject) {
      await run(model, subject)
      subject.judge(model)
    },
    toString: () => name
  }
}

const say = (type: string) => command(type, (model, subject) => subject.say(model, { type, payload: {}, access: 'access token' }))

const advance = (milliseconds: number) => command(`advance ${milliseconds}`, (_, { it }) => it.advance(milliseconds))

const stall = (milliseconds: number) => command(`stall ${milliseconds}`, (model, subject) => {
  subject.it.stall(milliseconds)
  subject.it.deadlines.advance()                        // late, but it comes
  subject.judge(model)
})

/** The API issues a newer access token. */
const issue = command('issue', (model, { it }) => {
  const { refreshGeneration } = model.issued.at(-1)!
  model.issued.push(principalOf({ issuedAt: Math.floor(it.now / 1000), refreshGeneration: refreshGeneration + 1 }))
})

const VERDICTS = {
  newest: (model: Model) => model.issued.at(-1)!,
  oldest: (model: Model) => model.issued[0]!,
  other: (model: Model) => ({ ...model.issued.at(-1)!, sessionId: OTHER_SESSION })
}

/** The oldest verification ends, with the truth about the token at this instant. */
const settle = (verdict: keyof typeof VERDICTS | 'refused') => command(`settle ${verdict}`, async (model, subject) => {
  const { it } = subject
  if (it.verifying.length === 0) return
  model.verifyingSince.shift()
  await it.settle(verdict === 'refused' ? REFUSED : judgeToken(VERDICTS[verdict](model), it.now))
})

function judgeToken (principal: Principal, now: number): Verification {
  return principal.expiresAt * 1000 > now ? verified(principal) : expired(principal)
}

const revoke = command('revoke', (model, { it }) => {
  model.revoked = true
  it.connection.revoke(it.endSession())
})

const drain = command('drain', (_, { it }) => it.connection.drain(5000))

const gone = command('gone', (_, { it }) => {
  if (it.ends.length === 0) it.ends.push({ code: 1006, reason: '' })
  it.connection.onSocketClosed()
})

const commands = fc.commands([
  fc.constantFrom(say('echo'), say('echo'), say('ping'), say('reauth'), say('reauth'), say('auth'), say('unknown')),
  fc.constantFrom(issue, settle('newest'), settle('newest'), settle('oldest'), settle('refused'), settle('other')),
  fc.constantFrom(1, TICK_MS, 5 * TICK_MS, GRACE_MS - 1, GRACE_MS, 120_000, LIFETIME_MS - 1, LIFETIME_MS).map(advance),
  fc.oneof(fc.nat(LIFETIME_MS).map(advance), fc.nat(2 * GRACE_MS).map(stall)),
  fc.oneof({ weight: 20, arbitrary: fc.constant(say('echo')) }, { weight: 1, arbitrary: fc.constantFrom(revoke, drain, gone) })
], { maxCommands: 60 })

t.test('whatever comes in whatever order, the contract holds', async t => {
  const endings = new Map<number | undefined, number>()
  await fc.assert(fc.asyncProperty(fc.boolean(), commands, async (isAnonymous, sequence) => {
    const subject = new Subject(isAnonymous ? null : principalOf())
    const expiresAt = isAnonymous ? undefined : START + LIFETIME_MS
    const model: Model = { issued: [principalOf()], unanswered: [], verifyingSince: [], sessionId: undefined, expiresAt, seen: 0, messages: 0, revoked: false }
    await fc.asyncModelRun(() => ({ model, real: subject }), sequence)

    // In the end everything closes, and nothing stays behind.
    const { it } = subject
    while (it.verifying.length > 0) await it.settle(REFUSED)
    model.verifyingSince = []
    it.advance(2 * LIFETIME_MS + GRACE_MS + TICK_MS)
    await setImmediate()
    subject.judge(model)
    if (it.connection.state !== 'closed' || it.connection.dueTick !== -1) throw new Error('it lives for ever')
    endings.set(it.end?.code, (endings.get(it.end?.code) ?? 0) + 1)
  }), { numRuns: 2500 })
  for (const code of [4401, 4408, 4409, 4410, 4419, 1012]) t.ok(endings.has(code), `some ended with ${code}`)
})
