/** Of AMQP 0-9-1, section 1.2. */
const CLOSE_CODES: Record<number, string> = {
  320: 'the broker was stopped',
  403: 'the user lacks a permission',
  404: 'a queue or exchange is missing',
  406: 'a queue or exchange of that name is of another kind'
}

/** While a connection opens the library gives the broker's code in the message only, or not at all. */
const AT_OPENING: Array<[pattern: RegExp, reason: string]> = [
  [/^Handshake terminated by server: 403 /, 'the user or the password was refused'],
  [/^Expected ConnectionOpenOk; got <ConnectionClose /, 'there is no such virtual host, or the user may not use it'],
  [/^Handshake terminated by server: (404|530) /, 'there is no such virtual host, or the user may not use it']
]

/** Why RabbitMQ cannot be used, in words. Never the message of the error: it may name the address or what is in it. */
export function describeRabbitMqFailure ({ code, name, message }: Error & { code?: string | number }): string {
  const opening = AT_OPENING.find(([pattern]) => pattern.test(message))?.[1]
  return opening ?? (typeof code === 'number' ? CLOSE_CODES[code] : undefined) ?? String(code ?? name)
}
