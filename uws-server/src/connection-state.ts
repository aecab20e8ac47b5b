export const OPEN_STATES = ['anonymous', 'active', 'expiring', 'grace'] as const
export type OpenState = typeof OPEN_STATES[number]
export type ConnectionState = OpenState | 'closed'
