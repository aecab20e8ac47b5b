import { Ajv, type ErrorObject } from 'ajv'
import type { Static, TObject } from 'typebox'
import { DURATION, DURATION_OR_NEVER, parseDuration, readDurationSetting } from './duration.js'
import { readSettingFiles, type SettingTexts } from './setting-files.js'
import { SETTING_FORMATS, isDuration } from './setting-formats.js'
import { COMPILE_FAST } from './shape-check.js'
import { StartupError } from './startup-error.js'

/**
 * Reads the settings a schema names out of an environment, applies defaults, and turns durations into `Duration`.
 * An empty variable counts as not set. Settings the schema does not name are ignored. A setting whose text can hold a
 * password may be given as `NAME_FILE`, a file with that text.
 * @throws {StartupError} listing every mistake at once, each with the name of its setting and never its value,
 *   which may be a secret
 */
export function loadConfig<Schema extends TObject> (schema: Schema, env: NodeJS.ProcessEnv): Static<Schema> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const loaded = Object.entries(checkSettings(schema, readSettingFiles(schema, given)))
  // ajv makes Infinity of "1e999" and lets it pass.
  const endless = loaded.filter(([, value]) => typeof value === 'number' && !Number.isFinite(value))
  if (endless.length > 0) throw new StartupError(endless.map(([name]) => `${name} must be a number that ends`).join('\n'))
  return Object.fromEntries(loaded.map(([name, value]) => [name, isDurationSetting(schema, name) ? readDurationSetting(String(value)) : value])) as Static<Schema>
}

function checkSettings (schema: TObject, { texts, mistakes: unread }: SettingTexts): Record<string, unknown> {
  const settings: Record<string, unknown> = { ...texts }
  const check = createAjv().compile({ ...schema, additionalProperties: false })
  const unfit = check(settings) ? [] : check.errors!
  const mistakes = [...unread.values(), ...unfit.filter(error => !unread.has(nameOf(error))).map(describe)]
  if (mistakes.length > 0) throw new StartupError(mistakes.join('\n'))
  return settings
}

function createAjv () {
  return new Ajv({
    ...COMPILE_FAST,
    allErrors: true,
    verbose: true,
    removeAdditional: true,
    useDefaults: true,
    coerceTypes: true,
    formats: SETTING_FORMATS,
    keywords: [{ keyword: 'durationRange', type: 'string', validate: isWithin }]
  })
}

function isDurationSetting (schema: TObject, name: string): boolean {
  const { format } = schema.properties[name] as { format?: string }
  return format === DURATION || format === DURATION_OR_NEVER
}

function isWithin ([minimum, maximum]: [string, string], text: string): boolean {
  if (!isDuration(text)) return true                  // the format has said so already
  const { seconds } = parseDuration(text)
  return seconds >= parseDuration(minimum).seconds && seconds <= parseDuration(maximum).seconds
}

function nameOf ({ keyword, params, instancePath }: ErrorObject): string {
  return keyword === 'required' ? String(params['missingProperty']) : instancePath.slice(1)
}

function describe (error: ErrorObject): string {
  const name = nameOf(error)
  switch (error.keyword) {
    case 'required': return `${name} is not set`
    case 'format': return `${name} ${SETTING_FORMATS[error.params['format'] as string]!.requirement}`
    case 'durationRange': {
      const [minimum, maximum] = error.schema as [string, string]
      return `${name} must be between ${minimum} and ${maximum}`
    }
    case 'enum': return `${name} must be one of ${(error.params['allowedValues'] as string[]).join(', ')}`
    default: return `${name} ${error.message}`
  }
}
