import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { AuthError } from './errors.js'
import { StartupError } from './startup-error.js'

export const LOOK_EVERY_MS = 5000
/** A request does not wait longer for a file system that hangs. */
const LONGEST_WAIT_MS = 1000

export interface ReloadedFileOptions<Content> {
  /** The setting that a mistake is blamed on. */
  setting: string
  path: string
  /** Rejects with a sentence about what is wrong; never with what the file holds. */
  parse: (text: string) => Promise<Content> | Content
  log: Pick<Logger, 'info' | 'error'>
  /** Called after each change that could be read. */
  onChange?: (content: Content) => void
}

/** Of libuv's four threads, which sign as well: a file system that hangs keeps the one that reads. */
const READS_AT_ONCE = 2
let reading = 0
const waiting: Array<() => void> = []

async function readInTurn (path: string): Promise<string> {
  if (reading < READS_AT_ONCE) reading += 1
  else await new Promise<void>(resolve => waiting.push(resolve))
  try {
    return await readFile(path, 'utf8')
  } finally {
    const next = waiting.shift()
    if (next === undefined) reading -= 1
    else next()                                       // it reads in this one's place
  }
}

/**
 * The content of a file that operators replace while the process runs, such as keys. It is looked at every five
 * seconds. What cannot be read after the start, or not within five seconds, is logged, and the process goes on with what
 * it has.
 */
export class ReloadedFile<Content> {
  readonly #options: ReloadedFileOptions<Content>
  readonly #timer: NodeJS.Timeout
  #text: string
  #current: Content
  #lastLook = performance.now()
  #looking: Promise<boolean> | undefined

  private constructor (options: ReloadedFileOptions<Content>, text: string, content: Content) {
    this.#options = options
    this.#text = text
    this.#current = content
    this.#timer = setInterval(() => { this.look() }, LOOK_EVERY_MS).unref()
  }

  /** @throws {StartupError} naming the setting, when the file cannot be read or understood */
  static async open<Content> (options: ReloadedFileOptions<Content>): Promise<ReloadedFile<Content>> {
    const { setting, path, parse } = options
    const text = await readInTurn(path).catch((err: NodeJS.ErrnoException) => {
      throw new StartupError(`${setting}: cannot read ${path} (${err.code}); run ./generate-keys.sh first, or where the API has keys already set KEYS_DIR to their folder or ${setting} to the file`)
    })
    try {
      return new ReloadedFile(options, text, await parse(text))
    } catch (err) {
      throw new StartupError(`${setting}: ${path}: ${(err as Error).message}`)
    }
  }

  get current (): Content { return this.#current }

  /** Looks whether the file has changed. @returns whether it has; never rejects */
  look (): Promise<boolean> {
    this.#looking ??= this.#reload().finally(() => { this.#looking = undefined })
    return this.#looking
  }

  /**
   * As `look`, but at most once in five seconds: for questions that strangers can cause.
   * @throws {AuthError} temporarily_unavailable after a second; the question cannot be answered then
   */
  async lookIfDue (): Promise<boolean> {
    if (this.#looking === undefined && performance.now() - this.#lastLook < LOOK_EVERY_MS) return false
    const { setting, path } = this.#options
    const looked = new AbortController()
    const tooLong = pause(LONGEST_WAIT_MS, undefined, { signal: looked.signal }).then(() => {
      throw new AuthError('temporarily_unavailable', { cause: new Error(`${setting}: ${path} takes long to be read`) })
    })
    return await Promise.race([this.look(), tooLong]).finally(() => looked.abort())
  }

  close (): void { clearInterval(this.#timer) }

  async #reload (): Promise<boolean> {
    const { setting, path, parse, log, onChange } = this.#options
    this.#lastLook = performance.now()
    const slow = setTimeout(() => log.error({ setting, path }, 'takes long to be read again; going on with what was read before'), LOOK_EVERY_MS).unref()
    try {
      const text = await readInTurn(path)
      if (text === this.#text) return false
      this.#text = text                               // a mistake is reported once, not every five seconds
      this.#current = await parse(text)
      log.info({ setting, path }, 'read again')
      onChange?.(this.#current)
      return true
    } catch (err) {
      log.error({ setting, path, reason: (err as Error).message }, 'cannot be read again; going on with what was read before')
      return false
    } finally {
      clearTimeout(slow)
    }
  }
}
