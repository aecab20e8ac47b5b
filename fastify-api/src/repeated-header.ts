import type { IncomingMessage } from 'node:http'

/**
 * True when a header came more than once. Node keeps the first Authorization and the first Content-Type and drops the
 * rest; a proxy may have looked at another one.
 * @param name in lower case
 */
export function isRepeated ({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>, name: string): boolean {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]!.length === name.length && rawHeaders[i]!.toLowerCase() === name) count += 1
  return count > 1
}
