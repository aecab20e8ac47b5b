import { Type } from './schema-builders.js'

/** A length of time read from a setting; whole seconds. */
export interface Duration { seconds: number, milliseconds: number }

const SECONDS_PER_UNIT = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 } as const
const PATTERN = /^(\d{1,9})(s|m|h|d|)$/

/**
 * Reads `900`, `20s`, `15m`, `12h` or `7d`.
 * @throws {RangeError} when the text has another form
 */
export function parseDuration (text: string): Duration {
  const match = PATTERN.exec(text)
  if (!match) throw new RangeError(`"${text}" is not a duration such as 900, 20s, 15m or 7d`)
  const seconds = Number(match[1]) * SECONDS_PER_UNIT[match[2] as keyof typeof SECONDS_PER_UNIT]
  return { seconds, milliseconds: seconds * 1000 }
}

/** What `never` stands for, where a setting allows it. */
export const NEVER: Duration = { seconds: Infinity, milliseconds: Infinity }

/** The formats by which `loadConfig` knows a length of time. */
export const DURATION = 'duration-setting'
export const DURATION_OR_NEVER = 'duration-setting-or-never'

export interface DurationOptions {
  default?: string
  minimum: string
  maximum: string
  /** Accepts the word `never` as well. */
  orNever?: boolean
  description: string
}

/**
 * A setting that is a length of time. In the environment a string, in the loaded configuration a `Duration`.
 * `loadConfig` checks it against `minimum` and `maximum`, both inclusive.
 */
export function DurationSetting (options: DurationOptions) {
  const { minimum, maximum, orNever = false, ...annotations } = options
  return Type.Unsafe<Duration>({ type: 'string', format: orNever ? DURATION_OR_NEVER : DURATION, durationRange: [minimum, maximum], ...annotations })
}

/** What the text of a checked `DurationSetting` stands for. */
export function readDurationSetting (text: string): Duration {
  return text === 'never' ? NEVER : parseDuration(text)
}
