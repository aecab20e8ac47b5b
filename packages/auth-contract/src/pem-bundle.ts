const BLOCK = /-----BEGIN ([A-Z ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g
const CREATED = /^Created: (\S+)$/m

export interface PemBlock {
  label: string
  pem: string
  /** From the line `Created: <instant>` above the block, when there is one. */
  createdAt: Date | undefined
}

/**
 * The PEM blocks of a file in their order, newest last. Text between them is commentary.
 * @throws {Error} for a Created line that is no instant: by it keys begin to sign and are retired
 */
export function parsePemBundle (text: string): PemBlock[] {
  let end = 0
  return [...text.matchAll(BLOCK)].map(match => {
    const instant = CREATED.exec(text.slice(end, match.index))?.[1]
    end = match.index + match[0].length
    return { label: match[1]!, pem: match[0], createdAt: instant === undefined ? undefined : readInstant(instant) }
  })
}

function readInstant (text: string): Date {
  const instant = new Date(text)
  if (Number.isNaN(instant.getTime())) throw new Error('a Created line is not an instant such as 2026-01-01T00:00:00.000Z')
  return instant
}
