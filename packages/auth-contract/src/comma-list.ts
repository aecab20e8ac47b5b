/** The entries of a comma-separated setting. */
export function splitCommaList (text: string): string[] {
  return text.split(',').map(entry => entry.trim()).filter(entry => entry !== '')
}
