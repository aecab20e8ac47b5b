import { fork, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { ClientCommands } from './client-process.js'
import type { Teardown } from '../harness/teardown.js'

const SCRIPT = fileURLToPath(new URL('client-process.ts', import.meta.url))

/** A client process, asked one thing at a time. */
export interface Client {
  call<Name extends keyof ClientCommands> (name: Name, ...argument: Parameters<ClientCommands[Name]>): Promise<Awaited<ReturnType<ClientCommands[Name]>>>
}

/** Starts a client process, ended with the bench. */
export function startClient (t: Teardown): Client {
  const child = fork(SCRIPT, { execArgv: ['--import', 'tsx'], serialization: 'advanced' })
  let ended = false
  child.once('exit', () => { ended = true })
  t.teardown(() => { child.kill('SIGKILL') })
  return {
    async call (name, ...[argument]) {
      if (ended) throw new Error('a client process has ended')
      child.send({ name, argument })
      return await answerOf(child, name)
    }
  }
}

async function answerOf (child: ChildProcess, name: string): Promise<never> {
  return await new Promise<never>((resolve, reject) => {
    const onExit = () => reject(new Error(`a client process ended during ${name}`))
    const onMessage = ({ answer, failure, progress }: { answer?: never, failure?: string, progress?: number }) => {
      if (progress !== undefined) return showProgress(child.pid!, name, progress)
      child.off('exit', onExit).off('message', onMessage)
      if (failure !== undefined) reject(new Error(`${name}: ${failure}`))
      else resolve(answer as never)
    }
    child.on('message', onMessage).once('exit', onExit)
  })
}

const progressOf = new Map<string, Map<number, number>>()
let shownAt = 0

// All clients together, at most twice a second.
function showProgress (pid: number, name: string, done: number): void {
  const byClient = progressOf.get(name) ?? new Map<number, number>()
  progressOf.set(name, byClient.set(pid, done))
  if (performance.now() - shownAt < 500) return
  shownAt = performance.now()
  process.stderr.write(`  ${name}: ${[...byClient.values()].reduce((sum, n) => sum + n, 0)}\n`)
}

/** Asks all of them the same at once. */
export async function callAll<Name extends keyof ClientCommands> (clients: Client[], name: Name, ...argument: Parameters<ClientCommands[Name]>): Promise<Array<Awaited<ReturnType<ClientCommands[Name]>>>> {
  return await Promise.all(clients.map(client => client.call(name, ...argument)))
}

/** Source addresses that no run of the last minute has used: a closed connection keeps its port for that long. */
export function loopbackAddresses (count: number): string[] {
  const network = `127.${randomInt(1, 255)}.${randomInt(255)}`
  return Array.from({ length: count }, (_, i) => `${network}.${i + 1}`)
}
