import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import { StartupError } from './startup-error.js'

export const LOOK_EVERY_MS = 5000

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

/**
 * The content of a file that operators replace while the process runs, such as keys. It is looked at every five
 * seconds. What cannot be read after the start is logged, and the process goes on with what it has.
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
    const text = await readFile(path, 'utf8').catch((err: NodeJS.ErrnoException) => {
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

  /** As `look`, but at most once in five seconds, for questions that strangers can cause. */
  async lookIfDue (): Promise<boolean> {
    if (this.#looking) return await this.#looking
    return performance.now() - this.#lastLook >= LOOK_EVERY_MS ? await this.look() : false
  }

  close (): void { clearInterval(this.#timer) }

  async #reload (): Promise<boolean> {
    const { setting, path, parse, log, onChange } = this.#options
    this.#lastLook = performance.now()
    try {
      const text = await readFile(path, 'utf8')
      if (text === this.#text) return false
      this.#text = text                               // a mistake is reported once, not every five seconds
      this.#current = await parse(text)
      log.info({ setting, path }, 'read again')
      onChange?.(this.#current)
      return true
    } catch (err) {
      log.error({ setting, path, reason: (err as Error).message }, 'cannot be read again; going on with what was read before')
      return false
    }
  }
}
