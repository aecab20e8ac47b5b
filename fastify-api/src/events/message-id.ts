import type { Message } from 'amqplib'

const LONGEST = 128

/** The message id as whoever published has set it, fit for a log and a terminal: printable ASCII, 128 characters at most. */
export function messageIdOf ({ properties }: Message): string | undefined {
  const id: unknown = properties.messageId
  return typeof id === 'string' && id !== '' ? id.slice(0, LONGEST).replace(/[^\x20-\x7e]/g, '?') : undefined
}
