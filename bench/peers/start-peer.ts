import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { freePort } from '../../fastify-api/test/fixtures/programs.js'
import type { Teardown } from '../harness/teardown.js'
import { installPeers, PEERS } from './install.js'
import type { Peer, PeerOptions } from './peer.js'

/** Connections to PostgreSQL at once, as many as the API has. */
const POOL_SIZE = 10

/** oidc-provider: refreshes only. */
export function startOidcProvider (t: Teardown, options: PeerOptions): Promise<Pick<Peer, 'pid' | 'refresh'>> {
  return startPeer(t, 'oidc-provider.mjs', options)
}

/** better-auth, with bcrypt, or with scrypt, as it comes, when `bcryptCost` is not given. */
export function startBetterAuth (t: Teardown, options: Omit<PeerOptions, 'bcryptCost'> & { bcryptCost?: number }): Promise<Peer> {
  return startPeer(t, 'better-auth.mjs', options)
}

// With the options of Node.js that our own programs run with.
async function startPeer (t: Teardown, script: string, { database, keysDir, users, password, bcryptCost, tokens }: Omit<PeerOptions, 'bcryptCost'> & { bcryptCost?: number }): Promise<Peer> {
  installPeers()
  const child = fork(path.join(PEERS, script), {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      PORT: String(await freePort()),
      DATABASE_URL: database.url,
      PRIVATE_KEY_PATH: path.join(keysDir, 'private.pem'),
      POOL_SIZE: String(POOL_SIZE),
      USERS: String(users),
      PASSWORD: password,
      TOKENS: String(tokens),
      ...bcryptCost === undefined ? {} : { BCRYPT_COST: String(bcryptCost) }
    },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exited
  })
  const [targets] = await Promise.race([once(child, 'message'), exited.then(() => { throw new Error(`${script} did not start`) })])
  return { pid: child.pid!, ...targets as Omit<Peer, 'pid'> }
}
