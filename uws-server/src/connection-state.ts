export const CONNECTION_STATES = ['anonymous', 'active', 'expiring', 'grace', 'closed'] as const
export type ConnectionState = typeof CONNECTION_STATES[number]
