/**
 * What may be logged of an error of the Redis client: never the error or its message. Its "command" has the arguments,
 * and so do the replies of some servers, of which one may be the password. The first word of a reply, such as
 * WRONGPASS, says enough.
 */
export function reasonOfRedisError (err: NodeJS.ErrnoException): string {
  return err.code ?? /^[A-Z]+(?= |$)/.exec(err.message)?.[0] ?? err.name
}
