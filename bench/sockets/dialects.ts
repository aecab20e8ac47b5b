import { encodeHandshake } from './lean-client.js'

/** How the same work is said to each of the servers that are compared. */
export interface Dialect {
  handshake: (accessToken: string) => Buffer
  /** True when the handshake's answer is all there is to wait for. */
  readyOnUpgrade: boolean
  /** True for the message after which the socket is authenticated. */
  isReady: (text: string) => boolean
  /** What a message must be answered with while the socket opens or idles. */
  answer: (text: string, accessToken: string) => string | undefined
  echo: string
}

const ECHO = JSON.stringify({ type: 'echo', id: '1', payload: { n: 12_345, text: 'The quick brown fox jumps over the lazy dog, and once more: the quick brown fox.' } })

// The token travels in each handshake, also to those that do not look at it.
function bearer (path: string): Dialect['handshake'] {
  return accessToken => encodeHandshake(path, { Authorization: `Bearer ${accessToken}` })
}

const plain = { handshake: bearer('/ws'), answer: () => undefined, echo: ECHO }

export const DIALECTS = {
  ours: { ...plain, readyOnUpgrade: false, isReady: text => text.startsWith('{"type":"connected"') },
  plain: { ...plain, readyOnUpgrade: true, isReady: () => false },
  'socket.io': {
    handshake: () => encodeHandshake('/socket.io/?EIO=4&transport=websocket'),
    readyOnUpgrade: false,
    isReady: text => text.startsWith('40'),
    answer (text, accessToken) {
      if (text.startsWith('0')) return `40${JSON.stringify({ token: accessToken })}`
      return text === '2' ? '3' : undefined           // its own ping and pong
    },
    echo: `42["echo",${ECHO}]`
  }
} satisfies Record<string, Dialect>

export type DialectName = keyof typeof DIALECTS
