// ANSI: cyan, green, magenta, yellow.
const COLOURS = [36, 32, 35, 33]

export type PrintLine = (line: string, stream?: 'stdout' | 'stderr') => void

/**
 * Makes one printer for each name. Lines carry the name in a column, in colour when the terminal wants that.
 */
export function createLogPrinters<Name extends string> (names: readonly Name[]): Record<Name, PrintLine> {
  const width = Math.max(...names.map(name => name.length))
  return Object.fromEntries(names.map((name, index): [string, PrintLine] => {
    const label = `${name.padEnd(width)} |`
    return [name, (line, stream = 'stdout') => {
      const coloured = process[stream].isTTY && !process.env['NO_COLOR']
      process[stream].write(`${coloured ? `\x1b[${COLOURS[index % COLOURS.length]}m${label}\x1b[39m` : label} ${line}\n`)
    }]
  })) as Record<Name, PrintLine>
}
