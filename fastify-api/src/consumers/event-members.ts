/** Members of an event's data that several types have; no type has all of them. */
export interface EventMembers {
  sessionId?: string | null
  ip?: string | null
  userAgent?: string | null
  account?: string
  [other: string]: unknown
}
