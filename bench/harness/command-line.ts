/**
 * A number of the command line. Ends the process with a sentence when it is not above 0.
 * @param position 0 is the first
 */
export function numberArgument (position: number, name: string, fallback: number): number {
  const text = process.argv[2 + position]
  if (text === undefined) return fallback
  if (!(Number(text) > 0)) {
    console.error(`${name} must be a number above 0, not "${text}"; by default ${fallback}`)
    process.exit(2)
  }
  return Number(text)
}

export function progress (what: string): void {
  process.stderr.write(`${what} …\n`)
}
