import { Ajv, type ErrorObject } from 'ajv'
import { envSchema } from 'env-schema'
import type { Static, TObject } from 'typebox'
import { DURATION, DURATION_OR_NEVER, parseDuration, readDurationSetting } from './duration.js'
import { SETTING_FORMATS, isDuration } from './setting-formats.js'
import { StartupError } from './startup-error.js'

/**
 * Reads the settings a schema names out of an environment, applies defaults, and turns durations into `Duration`.
 * An empty variable counts as not set. Settings the schema does not name are ignored.
 * @throws {StartupError} listing every mistake at once, each with the name of its setting and never its value,
 *   which may be a secret
 */
export function loadConfig<Schema extends TObject> (schema: Schema, env: NodeJS.ProcessEnv): Static<Schema> {
  const data = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const loaded = Object.entries(checkSettings(schema, data))
  // ajv makes Infinity of "1e999" and lets it pass.
  const endless = loaded.filter(([, value]) => typeof value === 'number' && !Number.isFinite(value))
  if (endless.length > 0) throw new StartupError(endless.map(([name]) => `${name} must be a number that ends`).join('\n'))
  return Object.fromEntries(loaded.map(([name, value]) => [name, isDurationSetting(schema, name) ? readDurationSetting(String(value)) : value])) as Static<Schema>
}

function checkSettings (schema: TObject, data: NodeJS.ProcessEnv): Record<string, unknown> {
  try {
    return envSchema({ schema: { ...schema }, data, env: false, ajv: { customOptions: createAjv } })
  } catch (err) {
    const { errors } = err as { errors?: ErrorObject[] }
    if (!Array.isArray(errors)) throw err
    throw new StartupError(errors.map(describe).join('\n'))
  }
}

function createAjv () {
  return new Ajv({
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

function describe (error: ErrorObject): string {
  const name = error.keyword === 'required' ? String(error.params['missingProperty']) : error.instancePath.slice(1)
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
