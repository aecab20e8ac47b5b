import { splitCommaList } from './comma-list.js'

/**
 * The origins allowed when none are configured: this machine's names on the API's port.
 * @param port the API's port
 */
export function defaultOrigins (port: number): string[] {
  return ['localhost', '127.0.0.1', '[::1]'].map(host => `http://${host}:${port}`)
}

/**
 * Reads a comma-separated list. Each entry must be an origin exactly as browsers send it (RFC 6454, section 6.2):
 * no path, no trailing slash, no default port, no wildcard.
 * @throws {RangeError} when one is not
 */
export function parseOrigins (list: string): string[] {
  return splitCommaList(list).map(entry => {
    if (!URL.canParse(entry) || new URL(entry).origin !== entry || entry.includes('*')) throw new RangeError('not an origin such as https://app.example.com')
    return entry
  })
}
