// SQLSTATE classes and codes that say "not now": connection exceptions (08), insufficient resources (53), operator
// intervention incl. statement_timeout (57), lock_timeout and connections switched off (55), serialization and deadlock
// (40), and a server that does not let us in any more (28, 3D): for the operator to mend, for clients to repeat.
const TRANSIENT_STATE = /^(08...|28...|3D...|40...|53...|55P03|55000|57...)$/
const TRANSIENT_NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT'])
// pg gives these no code.
const TRANSIENT_MESSAGE = /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error)/

/** PostgreSQL has answered, but too late to go on with what it said. */
export class TooSlowError extends Error {}

/** True for an error that says nothing about the request, only that PostgreSQL cannot answer it now. */
export function isDatabaseUnavailable (err: unknown): boolean {
  return err instanceof TooSlowError || TRANSIENT_STATE.test(codeOf(err)) || isWithoutAnswer(err)
}

/** True for an error of a connection on which nothing more can be asked: it is lost, or PostgreSQL did not answer in time. */
export function isWithoutAnswer (err: unknown): boolean {
  return err instanceof Error && (TRANSIENT_NETWORK.has(codeOf(err)) || TRANSIENT_MESSAGE.test(err.message))
}

// Some errors have a number there.
function codeOf (err: unknown): string {
  const code = err instanceof Error && 'code' in err ? err.code : undefined
  return typeof code === 'string' ? code : ''
}
