import { LIMITS, LOAD } from './load.mjs'

/** What the command prints for `--help`. */
export const USAGE = `What a load needs, from what bench:operations has measured.

npm run capacity -- [measurements.json] [name=number …]
npm run capacity -- loginsPerDay=1e6 refreshesPerLogin=20 keyBits=2048

${Object.entries({ ...LOAD, ...LIMITS }).map(([name, { value, figure, means, least, most, oneOf }]) =>
  `  ${name}=${typeof value === 'function' ? '…' : value}${figure === undefined ? '' : ' or as measured'}, ${oneOf?.join(' or ') ?? `${least} to ${most}`}: ${means}`).join('\n')}`

/**
 * @param {string[]} words of the command line
 * @returns {{ help: boolean, file: string | undefined, changes: Record<string, number> }}
 * @throws {Error} for an option that there is none of, a second file and what is no number
 */
export function readArguments (words) {
  if (words.includes('--help') || words.includes('-h')) return { help: true, file: undefined, changes: {} }
  const changes = {}
  const files = []
  for (const word of words) {
    const [, name, text] = /^(\w+)=(.*)$/.exec(word) ?? []
    if (name === undefined && word.startsWith('-')) throw new Error(`there is no option ${word}; see --help`)
    if (name === undefined) files.push(word)
    else if (text.trim() === '' || Number.isNaN(Number(text))) throw new Error(`${name} is a number, not "${text}"`)
    else changes[name] = Number(text)
  }
  if (files.length > 1) throw new Error(`one file of measurements, not ${files.join(' and ')}; numbers are given as name=number`)
  return { help: false, file: files[0], changes }
}
