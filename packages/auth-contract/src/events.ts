import type { Static, TSchema } from 'typebox'
import { REVOCATION_REASONS } from './revocation.js'
import { Type } from './schema-builders.js'
import { compileShape } from './shape-check.js'

const UUID = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
const Id = Type.String({ pattern: UUID })
const OrNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
/** Nothing beside these members: what a schema does not name cannot leave, a secret least of all. */
const Data = <Members extends Record<string, TSchema>>(members: Members) => Type.Object(members, { additionalProperties: false })

const Address = OrNull(Type.String({ maxLength: 64, description: 'IPv4 or IPv6 address of the client' }))
const UserAgent = OrNull(Type.String({ maxLength: 256 }))
const Device = OrNull(Type.String({ pattern: UUID, description: 'The recognised device of the account; null for an unknown one' }))

/**
 * What can happen, and what is told of it. These are facts in the past; nothing in them lets anybody in. A change that
 * a consumer could trip over makes a new version of the type.
 */
export const EVENT_DATA = {
  'login.succeeded': Data({ sessionId: Id, ip: Address, userAgent: UserAgent, deviceId: Device, newDevice: Type.Boolean(), amr: Type.Array(Type.String({ maxLength: 16 }), { maxItems: 8 }) }),
  'login.failed': Data({
    reason: Type.Enum(['unknown_user', 'wrong_password', 'disabled', 'locked']),
    ip: Address,
    userAgent: UserAgent,
    deviceId: Device,
    account: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$', description: 'Keyed hash of the identifier that was tried, also when there is no such user' })
  }),
  'session.revoked': Data({ sessionId: Id, reason: Type.Enum(REVOCATION_REASONS) }),
  'session.theft': Data({ sessionId: Id, ip: Address }),
  'session.refreshed_elsewhere': Data({ sessionId: Id, outcome: Type.Enum(['replay', 'late_rotate']), ip: Address, rotatedIp: Address }),
  'user.registered': Data({ username: Type.String({ maxLength: 64 }) }),
  'password.changed': Data({ by: Type.Enum(['user', 'admin']) }),
  'account.locked': Data({ deviceId: Device, failures: Type.Integer({ minimum: 1 }) }),
  'account.unlocked': Data({ by: Type.Enum(['admin']) }),
  'device.forgotten': Data({ deviceId: Id }),
  'key.rotated': Data({ kid: Type.String({ maxLength: 64 }) }),
  'risk.detected': Data({
    rule: Type.String({ pattern: '^[a-z_]{1,64}$' }),
    count: Type.Integer({ minimum: 1, description: 'How many the rule has counted' }),
    ip: Address,
    sessionId: OrNull(Id)
  })
} as const

export type EventType = keyof typeof EVENT_DATA
export type EventData<T extends EventType> = Static<typeof EVENT_DATA[T]>

export const EVENT_TYPES = Object.keys(EVENT_DATA) as EventType[]
export const EVENT_SOURCE = 'urn:fastify-uws-auth'
const VERSION = 1

/** The name of the schema of `data`: `urn:fastify-uws-auth:event:login.failed:1`. */
export function dataSchemaOf (type: EventType): string {
  return `${EVENT_SOURCE}:event:${type}:${VERSION}`
}

/** A CloudEvents 1.0 envelope. `subject` is the user, `partitionkey` what its order is kept by, `requestid` the request that caused it. */
export interface CloudEvent<T extends EventType> {
  specversion: '1.0'
  id: string
  source: string
  type: T
  subject?: string
  /** RFC 3339, by the database's clock. */
  time: string
  datacontenttype: 'application/json'
  dataschema: string
  partitionkey: string
  requestid?: string
  data: EventData<T>
}

export type AuthEvent = { [T in EventType]: CloudEvent<T> }[EventType]

const isEnvelope = compileShape(Type.Object({
  specversion: Type.Literal('1.0'),
  id: Id,
  source: Type.Literal(EVENT_SOURCE),
  type: Type.Enum(EVENT_TYPES),
  subject: Type.Optional(Id),
  time: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
  datacontenttype: Type.Literal('application/json'),
  dataschema: Type.String({ maxLength: 256 }),
  partitionkey: Id,
  requestid: Type.Optional(Type.String({ maxLength: 64 })),
  data: Type.Object({})
}, { additionalProperties: false }))

const isData = new Map<EventType, (value: unknown) => boolean>(EVENT_TYPES.map(type => [type, compileShape(EVENT_DATA[type])]))

/**
 * Checks what claims to be an event of this version, from a queue or out of a table.
 * @returns why it is none; undefined when it is one
 */
export function whyNoEvent (value: unknown): string | undefined {
  if (!isEnvelope(value)) return 'not a CloudEvents envelope of a type that this version knows'
  if (value.dataschema !== dataSchemaOf(value.type)) return 'a version of the type that this version does not know'
  if (Number.isNaN(Date.parse(value.time))) return 'its time is no instant'
  return isData.get(value.type)!(value.data) ? undefined : `its data does not fit ${value.dataschema}`
}

/** True for an event as this version knows it. */
export function isAuthEvent (value: unknown): value is AuthEvent {
  return whyNoEvent(value) === undefined
}
