const LONGEST = 120

/**
 * What a client has sent, fit for a line of a mail: printable ASCII only, so that nothing in it breaks the line, turns
 * the direction of the text or hides, no address that a mail program would make a link of, and 120 characters at most.
 */
export function displayed (text: string | null | undefined): string {
  if (text === null || text === undefined || text === '') return 'unknown'
  const line = text.slice(0, LONGEST + 1).replace(/[^\x20-\x7e]/g, '?').replace(/:\/\//g, ': //').replace(/\bwww\./gi, 'www .')
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}...` : line
}
