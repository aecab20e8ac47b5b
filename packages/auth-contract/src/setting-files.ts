import { readFileSync } from 'node:fs'
import type { TObject } from 'typebox'
import { SETTING_FORMATS } from './setting-formats.js'

/** Settings as text, and by name what is wrong with those whose file could not be used. */
export interface SettingTexts { texts: NodeJS.ProcessEnv, mistakes: Map<string, string> }

/** The settings of a schema whose text can hold a password. Each may be given as `NAME_FILE`, the path of a file with that text. */
export function settingsInFiles ({ properties }: TObject): string[] {
  return Object.keys(properties).filter(name => {
    const { format } = properties[name] as { format?: string }
    return format !== undefined && SETTING_FORMATS[format]?.holdsPassword === true
  })
}

/**
 * Reads the settings that are given as files. The last line break of a file is not part of the text.
 * @param given without empty variables
 */
export function readSettingFiles (schema: TObject, given: NodeJS.ProcessEnv): SettingTexts {
  const texts = { ...given }
  const mistakes = new Map<string, string>()
  for (const name of settingsInFiles(schema)) {
    const file = given[`${name}_FILE`]
    if (file === undefined) continue
    try {
      texts[name] = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
      if (given[name] !== undefined) mistakes.set(name, `${name} and ${name}_FILE are both set`)
      else if (texts[name] === '') mistakes.set(name, `${name}_FILE is an empty file`)
    } catch (err) {
      mistakes.set(name, `${name}_FILE cannot be read (${(err as NodeJS.ErrnoException).code})`)
    }
  }
  return { texts, mistakes }
}
