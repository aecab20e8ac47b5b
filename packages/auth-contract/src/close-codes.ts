/**
 * Close codes of `/ws`, version 1. 44xx: do not reconnect by yourself, except 4419 (renew the token first) and
 * 4429 (wait). 45xx, 1012, 1013: reconnect with jittered back-off.
 */
export const CLOSE = {
  normal: 1000,
  unsupportedData: 1003,
  invalidPayload: 1007,
  messageTooBig: 1009,
  serviceRestart: 1012,
  tryAgainLater: 1013,
  badRequest: 4400,
  invalidToken: 4401,
  forbidden: 4403,
  authTimeout: 4408,
  identityMismatch: 4409,
  sessionRevoked: 4410,
  tokenExpired: 4419,
  rateLimited: 4429,
  connectionLimit: 4430,
  slowConsumer: 4508
} as const

export type CloseCode = typeof CLOSE[keyof typeof CLOSE]
