import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Teardown } from './teardown.js'

export interface Child<Answer> {
  pid: number
  /** Sends a message that has no answer. */
  tell: (message: object) => void
  /** Sends a message and resolves with the next that comes back; rejects when the process ends instead. */
  ask: (message: object) => Promise<Answer>
}

/** Runs a TypeScript file as a process of its own, so that its work is not counted as anybody else's. It ends with the bench. */
export function startChild<Answer> (t: Teardown, script: URL, args: string[] = []): Child<Answer> {
  const child = fork(fileURLToPath(script), args, { execArgv: ['--import', 'tsx'] })
  const exited = once(child, 'exit')
  const ended = exited.then(() => { throw new Error(`${script.pathname} ended`) })
  ended.catch(() => {})
  t.teardown(async () => {
    child.kill()
    await exited
  })
  return {
    pid: child.pid!,
    tell: message => { child.send(message) },
    async ask (message) {
      child.send(message)
      const [answer] = await Promise.race([once(child, 'message'), ended])
      return answer as Answer
    }
  }
}
