/** What a message's body says; undefined when it is not JSON. */
export function parseJson (content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'))
  } catch {
    return undefined
  }
}
