/** Text of strangers for a terminal: control characters in it could rewrite what the operator sees. `-` for none. */
export function printable (text: string | null): string {
  return text?.replace(/[^\x20-\x7e]/g, '?') || '-'
}
