import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { freePort } from '../../fastify-api/test/fixtures/programs.js'
import type { Teardown } from '../harness/teardown.js'
import { installPeers, PEERS } from './install.js'

/**
 * Runs a server of this folder on a port of its own, with the options of Node.js that our own programs run with.
 * @param environment settings beside `PORT` and `NODE_ENV=production`
 * @returns what it said when it was ready
 * @throws {Error} when it ends instead
 */
export async function startPeer<Ready> (t: Teardown, script: string, environment: NodeJS.ProcessEnv): Promise<{ pid: number, ready: Ready }> {
  installPeers()
  const child = fork(path.join(PEERS, script), {
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: String(await freePort()), ...environment },
    execArgv: ['--max-semi-space-size=2'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill()
    await exited
  })
  const [ready] = await Promise.race([once(child, 'message'), exited.then(() => { throw new Error(`${script} did not start`) })])
  return { pid: child.pid!, ready: ready as Ready }
}
