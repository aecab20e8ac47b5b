import { parseArgs } from 'node:util'
import { Account } from './account.js'
import { findTarget, type Target } from './target.js'

export const HELP = `Usage: npm run ws:conformance -- ws://host:port/ws [options]

Checks a socket server from outside against the WebSocket contract (docs/websocket.md) and RFC 6455. Prints one line for
each case; ends with 1 when one of them failed.

  --api URL        the HTTP API, for signing in; default: the host of the socket's URL, port 3000
  --origin ORIGIN  an origin on the server's ALLOWED_ORIGINS; default: the API's
  --limits         the server runs with its default limits: a limit that is not met is a failure instead of a skip
  --only TEXT      only cases whose id begins with this, such as REAUTH or RFC-12
  --help

Accounts, in the environment, never on the command line:
  CONFORMANCE_USER, CONFORMANCE_PASSWORD                 default: the demo account of ./start.sh
  CONFORMANCE_SECOND_USER, CONFORMANCE_SECOND_PASSWORD   another one; cases that need two are skipped without

What it needs:
  Some 60 logins, each ended again by a logout. Nobody else may use the accounts: the suite counts their sockets and
  ends every session of the second one.
  An access token's life of 10 to 30 seconds (ACCESS_TOKEN_EXPIRY=20s) for the cases about expiry, which are skipped
  otherwise.
  On this machine (Linux) every case comes from a loopback address of its own, so that the limits per address keep no
  case from its work. Elsewhere the server has to run with RATE_LIMIT_MULTIPLIER=1000; a case that meets a limit is
  skipped and says so.
`

export interface Options {
  target: Target
  account: Account
  second: Account | undefined
  /** On the server's list. */
  origin: string
  /** The server runs with its default limits. */
  limits: boolean
  only: string
}

/**
 * Reads the command line.
 * @returns undefined when help is asked for
 * @throws {Error} whose message says what is wrong with it
 */
export async function readOptions (args: string[], env: NodeJS.ProcessEnv): Promise<Options | undefined> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      api: { type: 'string' },
      origin: { type: 'string' },
      limits: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help) return undefined
  const [url, ...rest] = positionals
  if (url === undefined || rest.length > 0 || !/^wss?:/.test(url)) throw new Error('one URL is needed, such as ws://127.0.0.1:3001/ws')
  const target = await findTarget(new URL(url))
  const api = new URL(values.api ?? `${target.url.protocol === 'wss:' ? 'https' : 'http'}://${target.url.hostname}:3000`)
  const second = env['CONFORMANCE_SECOND_USER']
  return {
    target,
    account: new Account(api, env['CONFORMANCE_USER'] ?? 'testuser', env['CONFORMANCE_PASSWORD'] ?? 'password123'),
    second: second === undefined ? undefined : new Account(api, second, env['CONFORMANCE_SECOND_PASSWORD'] ?? ''),
    origin: values.origin ?? api.origin,
    limits: values.limits,
    only: values.only
  }
}
