import type { ChildProcess } from 'node:child_process'
import type { Measurements, Meter } from '@fastify-uws-auth/auth-contract/light'

const ANSWER_WITHIN_MS = 3000

interface Question { type: 'measure', id: number }
interface Answer { type: 'measured', id: number, measurements: Measurements }

/** Gives the primary what this process has measured, whenever it asks. */
export function answerMeasurements (meter: Meter): void {
  process.on('message', ({ type, id }: Question) => {
    if (type !== 'measure') return
    meter.measurements().then(measurements => {
      const answer: Answer = { type: 'measured', id, measurements }
      process.send?.(answer, undefined, undefined, () => {})       // a primary that is gone needs no answer
    }, () => {})
  })
}

/** Asks one process for what it has measured. */
export class MeasuredProcess {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (measurements: Measurements) => void>()
  #questions = 0

  constructor (child: ChildProcess) {
    this.#child = child
    child.on('message', ({ type, id, measurements }: Answer) => {
      if (type === 'measured') this.#waiting.get(id)?.(measurements)
    })
    child.once('exit', () => { for (const resolve of this.#waiting.values()) resolve([]) })
  }

  /**
   * What it has measured; nothing when it ends meanwhile.
   * @throws {Error} when it does not answer within 3 seconds
   */
  async ask (): Promise<Measurements> {
    const question: Question = { type: 'measure', id: ++this.#questions }
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(question.id, resolve)
        timer = setTimeout(() => reject(new Error(`process ${this.#child.pid} does not answer`)), ANSWER_WITHIN_MS)
        this.#child.send(question, err => { if (err) resolve([]) })
      })
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(question.id)
    }
  }
}
