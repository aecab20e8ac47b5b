import {
  CLOSE, parseClientFrame, serializeFrame,
  type AccessTokenVerifier, type ClientMessage, type CloseCode, type FrameErrorCode, type Principal, type Revocation, type ServerMessage, type Verification
} from '@fastify-uws-auth/auth-contract'
import { closeForRevocation, type RevocationState } from './admission.js'
import { NOT_DUE, type Deadline, type DeadlineWheel } from './deadline-wheel.js'
import { planExpiry, type ExpirySchedule } from './expiry.js'
import { MessageLimiter, type MessageLimits } from './message-limiter.js'
import { isNewer, isSameIdentity } from './reauthentication.js'

const FAILED_REAUTHS = 3
const SLOW_CONSUMER_BYTES = 256 * 1024
/** What may wait for a reauth that is being verified, each frame counted with what it costs in memory. */
const WAITING_BYTES = 1024 * 1024
const FRAME_OVERHEAD_BYTES = 128

/** The socket below a connection. */
export interface Transport {
  /** Sends one text frame. @returns the bytes that wait for the reader after it */
  send (text: string): number
  end (code: CloseCode, reason: string): void
}

export interface ConnectionServices extends RevocationState {
  verify: AccessTokenVerifier
  /** Told of each access token that a client shows, by session and refresh generation. */
  observe: (sessionId: string, generation: number) => void
  deadlines: DeadlineWheel
  limits: MessageLimits
  /** Milliseconds since the epoch. */
  now: () => number
  /** Between 0 and 1. */
  random: () => number
}

export type ConnectionState = 'active' | 'expiring' | 'grace' | 'closed'

interface WaitingFrame { text: string, cost: number, arrivedAt: number }

/**
 * One authenticated socket: ACTIVE, EXPIRING after the warning, GRACE from `exp` on, closed. It knows neither the
 * socket library nor the clock. Authority ends at `exp` by comparison at each message, not by a timer. Messages are
 * answered in the order in which they came: while a reauth is verified the later ones wait.
 */
export class Connection implements Deadline {
  readonly id: string
  dueTick = NOT_DUE
  readonly #services: ConnectionServices
  readonly #transport: Transport
  readonly #limiter: MessageLimiter
  #principal: Principal
  #schedule: ExpirySchedule
  #warned = false
  #closed = false
  #failedReauths = 0
  #waiting: WaitingFrame[] | undefined        // defined while a reauth is verified
  #waitingBytes = 0

  constructor (id: string, principal: Principal, services: ConnectionServices, transport: Transport) {
    const now = services.now()
    this.id = id
    this.#services = services
    this.#transport = transport
    this.#limiter = new MessageLimiter(services.limits, now)
    this.#principal = principal
    this.#schedule = planExpiry(principal, now, services.random())
  }

  get sessionId (): string { return this.#principal.sessionId }

  get keyId (): string { return this.#principal.keyId }

  get state (): ConnectionState {
    if (this.#closed) return 'closed'
    if (this.#services.now() >= this.#schedule.expiresAt) return 'grace'
    return this.#warned ? 'expiring' : 'active'
  }

  /** Greets. Call it in the tick of `admit`, when the registry knows the connection. */
  open (): void {
    const { subject: userId, sessionId, refreshGeneration } = this.#principal
    this.#services.observe(sessionId, refreshGeneration)
    this.#scheduleNextDeadline()
    const serverTime = new Date(this.#services.now()).toISOString()
    this.#send({ type: 'connected', payload: { connectionId: this.id, userId, sessionId, ...this.#expiry(), serverTime } })
  }

  /** Takes one message of the client. */
  receive (bytes: Uint8Array, isBinary: boolean): void {
    if (this.#closed) return
    const { limits, now } = this.#services
    const arrivedAt = now()
    if (isBinary) return this.#fail(CLOSE.unsupportedData, 'unsupported data', 'unsupported_data', 'Messages are text frames')
    if (bytes.length > limits.maxMessageBytes) return this.#fail(CLOSE.messageTooBig, 'message too big', 'payload_too_large', `A message has at most ${limits.maxMessageBytes} bytes`)
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
    const verdict = this.#limiter.takeMessage(arrivedAt)
    if (verdict === 'close') return this.#fail(CLOSE.rateLimited, 'rate_limited', 'rate_limited', 'Too many messages for too long; wait before you reconnect')
    if (verdict === 'refuse') return this.#refuseForRate(text)
    if (this.#waiting === undefined) return this.#handle(text, arrivedAt)

    const cost = bytes.length + FRAME_OVERHEAD_BYTES
    this.#waitingBytes += cost
    if (this.#waitingBytes > WAITING_BYTES) return this.#fail(CLOSE.rateLimited, 'rate_limited', 'rate_limited', 'Too many messages while a reauth is verified')
    this.#waiting.push({ text, cost, arrivedAt })
  }

  /** The session has ended: says why and closes. */
  revoke ({ reason }: Revocation): void {
    if (this.#closed) return
    const { code, name } = closeForRevocation(reason)
    this.#send({ type: 'session_revoked', payload: { reason } })
    this.#close(code, name)
  }

  /** Its access token is good for nothing any more: the client has to get a new one and reconnect. */
  expire (): void {
    this.#close(CLOSE.tokenExpired, 'token_expired')
  }

  /** The process is about to end. @param reconnectWithinMs in which the client picks its moment */
  drain (reconnectWithinMs: number): void {
    if (this.#closed) return
    this.#send({ type: 'server_draining', payload: { reconnectWithinMs } })
    this.#close(CLOSE.serviceRestart, 'service restart')
  }

  /** The socket is gone, whoever closed it. */
  onSocketClosed (): void {
    this.#closed = true
    this.#waiting = undefined
    this.#services.deadlines.cancel(this)
  }

  onDeadline (): void {
    if (this.#closed) return
    const now = this.#services.now()
    // A reauth that came in time and is still being verified decides afterwards.
    if (now >= this.#schedule.closesAt) return this.#waiting ? undefined : this.#close(CLOSE.tokenExpired, 'token_expired')
    if (!this.#warned && now < this.#schedule.expiresAt) {
      this.#warned = true
      this.#send({ type: 'token_expiring', payload: this.#expiry() })
    }
    this.#scheduleNextDeadline()
  }

  #scheduleNextDeadline (): void {
    if (this.#closed) return
    const { warnAt, closesAt } = this.#schedule
    this.#services.deadlines.schedule(this, this.#warned || warnAt === undefined ? closesAt : warnAt)
  }

  #handle (text: string, arrivedAt: number): void {
    if (arrivedAt >= this.#schedule.closesAt) return this.#close(CLOSE.tokenExpired, 'token_expired')
    const frame = parseClientFrame(text)
    if (frame.kind === 'not_json') return this.#fail(CLOSE.invalidPayload, 'invalid payload', 'invalid_request', 'A message is JSON text')
    if (frame.kind === 'malformed') return this.#handleMalformed(frame.detail, frame.id, arrivedAt)
    const { message } = frame
    switch (message.type) {
      case 'ping': return this.#send({ type: 'pong', payload: { t: this.#services.now() } }, message.id)
      case 'reauth': return this.#startReauth(message, arrivedAt)
    }
    if (this.state === 'grace') return this.#sendError('token_expired', 'The access token has expired: send reauth with a new one', { retryable: true }, message.id)
    switch (message.type) {
      case 'echo': return this.#echo(message, arrivedAt)
      case 'bye': return this.#close(CLOSE.normal, 'bye')
    }
  }

  // Reading JSON does not recurse, writing it does: a few thousand brackets pass the one and exhaust the stack in the
  // other, and what is thrown here would end the process.
  #echo ({ payload, id }: Extract<ClientMessage, { type: 'echo' }>, arrivedAt: number): void {
    let text: string
    try {
      text = serializeFrame({ type: 'echo', payload }, id)
    } catch {
      return this.#handleMalformed('the payload is nested too deeply', id, arrivedAt)
    }
    this.#sendText(text)
  }

  #handleMalformed (detail: string, id: string | undefined, arrivedAt: number): void {
    if (this.#limiter.toleratesMalformed(arrivedAt)) this.#sendError('invalid_request', detail, { retryable: false }, id)
    else this.#fail(CLOSE.badRequest, 'bad_request', 'invalid_request', detail, id)
  }

  #refuseForRate (text: string): void {
    const frame = parseClientFrame(text)
    const id = frame.kind === 'message' ? frame.message.id : undefined
    this.#sendError('rate_limited', 'Too many messages; this one was not read', { retryable: true }, id)
  }

  #startReauth ({ access, id }: Extract<ClientMessage, { type: 'reauth' }>, arrivedAt: number): void {
    if (!this.#limiter.takeReauth(arrivedAt)) return this.#sendError('rate_limited', 'Too many reauths; this one was not read', { retryable: true }, id)
    this.#waiting = []
    this.#services.verify(access).then(verification => {
      if (this.#closed) return
      this.#finishReauth(verification, id)
      this.#handleWaiting()
    })
  }

  #handleWaiting (): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const [index, { text, cost, arrivedAt }] of waiting.entries()) {
      if (this.#closed) return
      this.#waitingBytes -= cost
      this.#handle(text, arrivedAt)
      if (this.#isVerifying()) {
        this.#waiting!.push(...waiting.slice(index + 1))
        return
      }
    }
    if (!this.#closed && this.#services.now() >= this.#schedule.closesAt) this.#close(CLOSE.tokenExpired, 'token_expired')
  }

  #isVerifying (): boolean { return this.#waiting !== undefined }

  // As at connect: the access token, then revocation, then identity.
  #finishReauth (verification: Verification, id: string | undefined): void {
    const { isStale, knowsKey, revocations, observe } = this.#services
    if (isStale()) return this.#sendError('temporarily_unavailable', 'Cannot tell at the moment whether the session goes on', { retryable: true }, id)
    if (verification.kind === 'refused' || !knowsKey(verification.principal.keyId)) return this.#failReauth('invalid_token', 'The access token is not valid', id)
    const { principal } = verification
    const revocation = revocations.get(principal.sessionId)
    if (revocation && principal.sessionId === this.sessionId) return this.revoke(revocation)
    if (revocation) return this.#failReauth('invalid_token', 'The access token is not valid', id)
    if (verification.kind === 'expired') return this.#failReauth('token_expired', 'The access token has expired: refresh it first', id)
    if (!isSameIdentity(principal, this.#principal)) return this.#fail(CLOSE.identityMismatch, 'identity_mismatch', 'identity_mismatch', 'The access token belongs to another session', id)

    const newer = isNewer(principal, this.#principal)
    if (newer) {
      this.#principal = principal
      this.#schedule = planExpiry(principal, this.#services.now(), this.#services.random())
      this.#warned = false
      this.#failedReauths = 0
      observe(principal.sessionId, principal.refreshGeneration)
      this.#scheduleNextDeadline()
    }
    this.#send({ type: 'reauth_success', payload: { userId: principal.subject, ...this.#expiry(), ...newer ? {} : { unchanged: true } } }, id)
  }

  #failReauth (code: 'invalid_token' | 'token_expired', message: string, id: string | undefined): void {
    this.#failedReauths += 1
    if (this.#failedReauths >= FAILED_REAUTHS) this.#fail(CLOSE.invalidToken, 'invalid_token', code, message, id)
    else this.#sendError(code, message, { retryable: code === 'token_expired' }, id)
  }

  #expiry (): { expiresAt: string, expiresInMs: number } {
    const { expiresAt } = this.#schedule
    return { expiresAt: new Date(expiresAt).toISOString(), expiresInMs: Math.max(0, expiresAt - this.#services.now()) }
  }

  #sendError (code: FrameErrorCode, message: string, { retryable, fatal = false }: { retryable: boolean, fatal?: boolean }, id?: string): void {
    this.#send({ type: 'error', payload: { code, message, retryable, fatal } }, id)
  }

  #fail (close: CloseCode, reason: string, code: FrameErrorCode, message: string, id?: string): void {
    this.#sendError(code, message, { retryable: false, fatal: true }, id)
    this.#close(close, reason)
  }

  #send (message: ServerMessage, id?: string): void {
    this.#sendText(serializeFrame(message, id))
  }

  #sendText (text: string): void {
    if (this.#closed) return
    const waitingBytes = this.#transport.send(text)
    if (waitingBytes > SLOW_CONSUMER_BYTES) this.#close(CLOSE.slowConsumer, 'slow_consumer')
  }

  #close (code: CloseCode, reason: string): void {
    if (this.#closed) return
    this.onSocketClosed()
    this.#transport.end(code, reason)
  }
}
