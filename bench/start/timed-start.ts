import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../system-test/fixtures/part.js'
import { processTree, untilGone } from '../../system-test/fixtures/process-tree.js'
import { cpuMicrosecondsOfTree } from '../harness/process-figures.js'
import type { Teardown } from '../harness/teardown.js'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const LOOK_AGAIN_MS = 10
/** The last line that is printed: the worker, which has no address, is ready too. */
const EVERYTHING_READY = '  Ctrl-C stops everything.'

/** Of one start, in seconds. */
export interface Start {
  /** From the command until the API and the socket server say over HTTP that they are ready, and the worker has said so as well. */
  wall: number
  /** CPU time of all processes, those that have ended included. */
  cpu: number
}

/**
 * Runs `./start.sh --local` until everything is ready and stops it again.
 * @param folder of data and keys; an empty one gets them
 */
export async function timedStart (t: Teardown, folder: string): Promise<Start> {
  const [apiPort, wsPort] = [await freePort(), await freePort()]
  const begun = performance.now()
  const child = spawn(path.join(PROJECT, 'start.sh'), ['--local'], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], DATA_DIR: path.join(folder, 'data'), KEYS_DIR: path.join(folder, 'keys'), API_PORT: String(apiPort), WS_PORT: String(wsPort) },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exited = once(child, 'exit')
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const tree = processTree(child.pid!)
    child.kill()
    await untilGone(tree)
  }
  t.teardown(stop)

  const everythingReady = new Promise<void>(resolve => {
    createInterface({ input: child.stdout }).on('line', line => { if (line === EVERYTHING_READY) resolve() })
  })
  const ready = Promise.all([untilOk(`http://127.0.0.1:${apiPort}/api/ready`), untilOk(`http://127.0.0.1:${wsPort}/ready`), everythingReady])
  await Promise.race([ready, exited.then(([code, signal]) => { throw new Error(`start.sh ended with ${String(signal ?? code)}`) })])
  const wall = (performance.now() - begun) / 1000
  const cpu = cpuMicrosecondsOfTree(child.pid!) / 1e6
  await stop()
  return { wall, cpu }
}

async function untilOk (url: string): Promise<void> {
  for (;;) {
    const isOk = await fetch(url).then(async response => {
      await response.text()
      return response.ok
    }, () => false)
    if (isOk) return
    await sleep(LOOK_AGAIN_MS)
  }
}
