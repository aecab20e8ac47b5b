/** What the client itself says without a code, up to the first full stop, and in our words. */
const OF_CLIENT = new Map([
  ['Connection is closed', 'the connection ended'],
  ["Stream isn't writeable and enableOfflineQueue options is false", 'there is no connection'],
  ['Command timed out', 'Redis does not answer'],
  ['Socket timeout', 'Redis does not answer']
])

/**
 * What may be logged of an error of the Redis client: never the error or its message. Its "command" has the arguments,
 * and so do the replies of some servers, of which one may be the password. The first word of a reply, such as
 * WRONGPASS, says enough.
 */
export function reasonOfRedisError (err: NodeJS.ErrnoException): string {
  return err.code ?? OF_CLIENT.get(err.message.split('.', 1)[0]!) ?? /^[A-Z]+(?= |$)/.exec(err.message)?.[0] ?? err.name
}
