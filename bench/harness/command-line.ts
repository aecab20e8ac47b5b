/** What an argument may be. */
export interface Kind<Value> {
  /** Such as "a whole number above 0". */
  description: string
  /** @returns undefined for what is not of this kind */
  read: (text: string) => Value | undefined
}

/** Name, kind and default. */
export type Argument<Value> = readonly [name: string, kind: Kind<Value>, fallback: NoInfer<Value>]

export const wholeNumber: Kind<number> = {
  description: 'a whole number above 0',
  read: text => Number.isSafeInteger(Number(text)) && Number(text) > 0 ? Number(text) : undefined
}

export const fraction: Kind<number> = {
  description: 'a number above 0',
  read: text => Number.isFinite(Number(text)) && Number(text) > 0 ? Number(text) : undefined
}

export function oneOf<const Value extends string | number> (...values: Value[]): Kind<Value> {
  return { description: `one of ${values.join(', ')}`, read: text => values.find(value => String(value) === text) }
}

/**
 * The arguments of this process, or their defaults. Ends the process with a list of all when one is not of its kind, when
 * there are more, and when asked for `--help`.
 */
export function readArguments<Values extends readonly unknown[]> (...wanted: { readonly [Index in keyof Values]: Argument<Values[Index]> }): Values {
  const given = process.argv.slice(2)
  const usage = wanted.map(([name, { description }, fallback]) => `  ${name}: ${description}, by default ${String(fallback)}`).join('\n')
  if (given.includes('--help')) endWith(usage)
  if (given.length > wanted.length) endWith(usage, `"${given[wanted.length]}" is one argument too many`)
  return wanted.map(([name, kind, fallback], position) => given[position] === undefined ? fallback : valueOf(name, kind, given[position], usage)) as unknown as Values
}

/** All arguments of this process, as many as there are, or the default; otherwise as `readArguments`. */
export function readList<Value> (name: string, kind: Kind<Value>, fallback: readonly Value[]): readonly Value[] {
  const given = process.argv.slice(2)
  const usage = `  any number of ${name}: each ${kind.description}, by default ${fallback.join(' ')}`
  if (given.includes('--help')) endWith(usage)
  return given.length === 0 ? fallback : given.map(text => valueOf(name, kind, text, usage))
}

function valueOf<Value> (name: string, { description, read }: Kind<Value>, text: string, usage: string): Value {
  return read(text) ?? endWith(usage, `${name} must be ${description}, not "${text}"`)
}

function endWith (usage: string, mistake?: string): never {
  if (mistake !== undefined) console.error(mistake)
  console[mistake === undefined ? 'log' : 'error'](`Arguments, in this order:\n${usage}`)
  process.exit(mistake === undefined ? 0 : 2)
}

export function progress (what: string): void {
  process.stderr.write(`${what} …\n`)
}
