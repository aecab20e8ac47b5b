import {
  CLOSE, parseClientFrame, readFrameId, serializeFrame,
  type ClientMessage, type CloseCode, type FrameErrorCode, type Principal, type Revocation, type ServerMessage, type Verification
} from '@fastify-uws-auth/auth-contract'
import { closeForRevocation, type Admission, type Refusal } from './admission.js'
import type { ConnectionState } from './connection-state.js'
import type { ConnectionServices, Transport } from './connection-services.js'
import { NOT_DUE, type Deadline } from './deadline-wheel.js'
import { authorityEndsAt, graceEndsAt, warningAt } from './expiry.js'
import { InOrder } from './in-order.js'
import { MessageLimiter, type MessageLimits } from './message-limiter.js'
import { decideReauth } from './reauthentication.js'
import { errorMessage, expiryOf, greeting } from './server-messages.js'
import type { Source } from './sources.js'

const FAILED_REAUTHS = 3
// Faster than a Buffer, and it keeps a byte order mark, which is no JSON. The library has refused what is not UTF-8.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
/** Shorter frames are not worth the work. Only what the client itself has sent is ever compressed, never a secret. */
const COMPRESSED_FROM = 1024

type Verdict = 'accept' | 'refuse' | 'binary' | 'too_big'

/**
 * One socket: ANONYMOUS until it shows an access token, ACTIVE, EXPIRING after the warning, GRACE from `exp` on, closed. It
 * knows neither the socket library nor the clock. Authority ends at `exp` by comparison at each message, not by a timer.
 * Messages are answered in the order in which they came: while a credential is verified the later ones wait.
 */
export class Connection implements Deadline {
  readonly id: string
  dueTick = NOT_DUE
  readonly #services: ConnectionServices
  readonly #transport: Transport
  readonly #source: Source
  #principal: Principal | undefined
  #limiter: MessageLimiter | undefined          // most sockets are idle and never need one
  #order: InOrder | undefined                   // and shows no credential after the first
  #warned = false
  #closed = false
  #failedReauths = 0

  /** @param principal undefined for a socket that was opened without a credential */
  constructor (id: string, principal: Principal | undefined, source: Source, services: ConnectionServices, transport: Transport) {
    this.id = id
    this.#principal = principal
    this.#source = source
    this.#services = services
    this.#transport = transport
  }

  get principal (): Principal | undefined { return this.#principal }
  get source (): Source { return this.#source }
  get bufferedBytes (): number { return this.#transport.bufferedBytes }

  get state (): ConnectionState {
    if (this.#closed) return 'closed'
    if (this.#principal === undefined) return 'anonymous'
    if (this.#services.now() >= authorityEndsAt(this.#principal)) return 'grace'
    return this.#warned ? 'expiring' : 'active'
  }

  /** Greets. Call it in the tick of `admit`, when the registry knows the connection. */
  open (): void {
    const { deadlines, limits, now } = this.#services
    if (this.#principal === undefined) deadlines.schedule(this, now() + limits.authTimeoutMs)
    else this.#scheduleExpiry(this.#principal)
    this.#send(greeting(this.id, this.#principal, now()))
  }

  /** Takes one message of the client. The bytes are not kept. */
  receive (bytes: ArrayBuffer, isBinary: boolean): void {
    if (this.#closed) return
    const arrivedAt = this.#services.now()
    if (isBinary) return this.#take('binary', '', 0, arrivedAt)
    if (bytes.byteLength > this.#limits.maxMessageBytes) return this.#take('too_big', '', 0, arrivedAt)
    const verdict = this.#count(arrivedAt)
    if (verdict === 'accept' || verdict === 'refuse') this.#take(verdict, utf8.decode(bytes), bytes.byteLength, arrivedAt)
  }

  /** Takes a ping or pong frame, which the library has answered: they cost as much as messages do. */
  receiveControlFrame (): void { if (!this.#closed) this.#count(this.#services.now()) }

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
    this.#order?.stop()
    this.#services.deadlines.cancel(this)
  }

  onDeadline (): void {
    // A credential that came in time and is still being verified decides afterwards.
    const isVerifying = this.#order?.isAwaiting ?? false
    if (this.#closed || (isVerifying && this.#principal === undefined)) return
    if (this.#principal === undefined) return this.#fail(CLOSE.authTimeout, 'auth_timeout', 'auth_timeout', 'No access token came in time: connect again and send auth')
    const now = this.#services.now()
    if (now >= graceEndsAt(this.#principal)) return isVerifying ? undefined : this.expire()
    if (!this.#warned && now < authorityEndsAt(this.#principal)) {
      this.#warned = true
      this.#send({ type: 'token_expiring', payload: expiryOf(this.#principal, now) })
    }
    if (!this.#closed) this.#services.deadlines.schedule(this, graceEndsAt(this.#principal))
  }

  // Strangers have little to say before they have said who they are.
  get #limits (): MessageLimits {
    const { limits, anonymousLimits } = this.#services
    return this.#principal === undefined ? anonymousLimits : limits
  }

  #limiterAt (now: number): MessageLimiter {
    this.#limiter ??= new MessageLimiter(this.#limits, now)
    return this.#limiter
  }

  #count (now: number): ReturnType<MessageLimiter['takeMessage']> {
    const verdict = this.#limiterAt(now).takeMessage(now)
    if (verdict === 'close') this.#fail(CLOSE.rateLimited, 'rate_limited', 'rate_limited', 'Too many messages for too long; wait before you reconnect')
    return verdict
  }

  #take (verdict: Verdict, text: string, bytes: number, arrivedAt: number): void {
    if (!this.#order?.isAwaiting) return this.#judge(verdict, text, arrivedAt, arrivedAt)
    const fits = this.#order.wait(bytes, () => this.#judge(verdict, text, arrivedAt, this.#services.now()))
    if (!fits) this.#fail(CLOSE.rateLimited, 'rate_limited', 'rate_limited', 'Too many messages while an access token is verified')
  }

  #judge (verdict: Verdict, text: string, arrivedAt: number, now: number): void {
    if (this.#principal !== undefined && this.#endsNow(this.#principal)) return
    switch (verdict) {
      case 'accept': return this.#handle(text, arrivedAt, now)
      case 'refuse': return this.#sendError('rate_limited', 'Too many messages; this one was not read', readFrameId(text))
      case 'binary': return this.#fail(CLOSE.unsupportedData, 'unsupported data', 'unsupported_data', 'Messages are text frames')
      case 'too_big': return this.#fail(CLOSE.messageTooBig, 'message too big', 'payload_too_large', `A message has at most ${this.#limits.maxMessageBytes} bytes`)
    }
  }

  // Sockets that end together are closed some at a time; none has authority meanwhile.
  #endsNow ({ sessionId, keyId }: Principal): boolean {
    const { revocations, knowsKey } = this.#services
    const revocation = revocations.get(sessionId)
    if (revocation) this.revoke(revocation)
    else if (!knowsKey(keyId)) this.expire()
    return this.#closed
  }

  #handle (text: string, arrivedAt: number, now: number): void {
    const principal = this.#principal
    if (principal !== undefined && arrivedAt >= graceEndsAt(principal)) return this.expire()
    const frame = parseClientFrame(text)
    if (frame.kind === 'not_json') return this.#fail(CLOSE.invalidPayload, 'invalid payload', 'invalid_request', 'A message is JSON text')
    if (frame.kind === 'malformed') return this.#handleMalformed(frame.detail, frame.id, arrivedAt)
    const { message } = frame
    if (message.type === 'ping') return this.#send({ type: 'pong', payload: { t: now } }, message.id)
    if (principal === undefined) return this.#handleAnonymous(message)
    if (message.type === 'reauth') return this.#startReauth(message.access, principal, message.id, arrivedAt)
    if (now >= authorityEndsAt(principal)) return this.#sendError('token_expired', 'The access token has expired: send reauth with a new one', message.id)
    switch (message.type) {
      case 'echo': {
        const echo = message.plain ? text : serializeFrame({ type: 'echo', payload: message.payload }, message.id)
        return this.#sendText(echo, echo.length > COMPRESSED_FROM)
      }
      case 'bye': return this.#close(CLOSE.normal, 'bye')
      case 'auth': return this.#handleMalformed('this socket is authenticated: send reauth', message.id, arrivedAt)
    }
  }

  #handleAnonymous (message: Exclude<ClientMessage, { type: 'ping' }>): void {
    switch (message.type) {
      case 'auth': return this.#startAuth(message.access, message.id)
      case 'bye': return this.#close(CLOSE.normal, 'bye')
      default: return this.#sendError('invalid_token', 'This socket is not authenticated: send auth with an access token', message.id)
    }
  }

  #handleMalformed (detail: string, id: string | undefined, arrivedAt: number): void {
    if (this.#limiterAt(arrivedAt).toleratesMalformed(arrivedAt)) this.#send(errorMessage('invalid_request', detail, {}), id)
    else this.#fail(CLOSE.badRequest, 'bad_request', 'invalid_request', detail, id)
  }

  #startAuth (access: string, id: string | undefined): void {
    const { verify, now, admit } = this.#services
    this.#await(this.#source.attempt(now, () => verify(access)), verification => {
      if (verification !== undefined) return this.#finishAuth(admit(verification), id)
      this.#fail(CLOSE.rateLimited, 'rate_limited', 'rate_limited', 'Too many failed authentications; wait before you reconnect', id)
    })
  }

  #finishAuth (admission: Admission, id: string | undefined): void {
    const { metrics, onAuthenticated } = this.#services
    metrics.connected(admission.kind === 'refused' ? admission.reason : 'accepted', 'message')
    if (admission.kind === 'refused') return this.#refuse(admission, id)
    this.#principal = admission.principal
    this.#limiter = undefined
    onAuthenticated(this)
    this.#scheduleExpiry(admission.principal)
    this.#send(greeting(this.id, admission.principal, this.#services.now()), id)
  }

  #startReauth (access: string, current: Principal, id: string | undefined, arrivedAt: number): void {
    if (!this.#limiterAt(arrivedAt).takeReauth(arrivedAt)) return this.#sendError('rate_limited', 'Too many reauths; this one was not read', id)
    this.#await(this.#services.verify(access), verification => {
      if (verification.kind === 'refused') this.#source.noteFailure(this.#services.now())
      this.#finishReauth(verification, current, id)
    })
  }

  #await<Result> (verifying: Promise<Result>, finish: (result: Result) => void): void {
    this.#order ??= new InOrder()
    this.#order.await(verifying, finish, () => {
      if (this.#principal !== undefined && this.#services.now() >= graceEndsAt(this.#principal)) this.expire()
    })
  }

  #finishReauth (verification: Verification, current: Principal, id: string | undefined): void {
    const decision = decideReauth(verification, current, this.#services)
    this.#services.metrics.reauthenticated(decision.kind === 'failed' ? decision.code : decision.kind)
    switch (decision.kind) {
      case 'unknown': return this.#sendError('temporarily_unavailable', 'Cannot tell at the moment whether the session goes on', id)
      case 'failed': return this.#failReauth(decision.code, id)
      case 'mismatch': return this.#fail(CLOSE.identityMismatch, 'identity_mismatch', 'identity_mismatch', 'The access token belongs to another session', id)
      case 'revoked': return this.revoke(decision.revocation)
    }
    const { principal, kind } = decision
    if (kind === 'renewed') {
      this.#principal = principal
      this.#failedReauths = 0
      this.#scheduleExpiry(principal)
    }
    this.#send({ type: 'reauth_success', payload: { userId: principal.subject, ...expiryOf(principal, this.#services.now()), ...kind === 'unchanged' ? { unchanged: true } : {} } }, id)
  }

  #failReauth (code: 'invalid_token' | 'token_expired', id: string | undefined): void {
    const message = code === 'invalid_token' ? 'The access token is not valid' : 'The access token has expired: refresh it first'
    this.#failedReauths += 1
    if (this.#failedReauths >= FAILED_REAUTHS) this.#fail(CLOSE.invalidToken, 'invalid_token', code, message, id)
    else this.#send(errorMessage(code, message, { retryable: code === 'token_expired' }), id)
  }

  #scheduleExpiry (principal: Principal): void {
    const { observe, deadlines, now, random } = this.#services
    observe(principal.sessionId, principal.refreshGeneration)
    this.#warned = false
    deadlines.schedule(this, warningAt(principal, now(), random()) ?? graceEndsAt(principal))
  }

  /** For what may be tried again as it is. */
  #sendError (code: FrameErrorCode, message: string, id?: string): void {
    this.#send(errorMessage(code, message, { retryable: true }), id)
  }

  #refuse ({ error, close, reason, detail, revocation }: Refusal, id: string | undefined): void {
    if (revocation) return this.revoke(revocation)
    const code = close === CLOSE.tokenExpired ? 'token_expired' : error as FrameErrorCode
    this.#fail(close, reason, code, detail ?? 'This access token does not open the socket', id)
  }

  #fail (close: CloseCode, reason: string, code: FrameErrorCode, message: string, id?: string): void {
    this.#send(errorMessage(code, message, { fatal: true }), id)
    this.#close(close, reason)
  }

  #send (message: ServerMessage, id?: string): void {
    this.#sendText(serializeFrame(message, id), false)
  }

  #sendText (text: string, compress: boolean): void {
    if (this.#closed) return
    const waitingBytes = this.#transport.send(text, compress)
    if (waitingBytes <= this.#services.limits.slowConsumerBytes) return
    this.#services.metrics.dropped(waitingBytes)
    this.#close(CLOSE.slowConsumer, 'slow_consumer')
  }

  #close (code: CloseCode, reason: string): void {
    if (this.#closed) return
    this.onSocketClosed()
    this.#transport.end(code, reason)
  }
}
