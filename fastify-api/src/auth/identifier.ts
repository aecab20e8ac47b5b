/** Usernames: 3–64 of these, case-folded. No @, so that a username is never an e-mail address. */
const USERNAME = /^[a-z0-9._-]{3,64}$/

/**
 * The one form of a username or e-mail address that lookup, uniqueness and limits use: trimmed, NFKC, lower case.
 * Full-width and composed spellings of one name become one name.
 */
export function canonicalIdentifier (text: string): string {
  return text.normalize('NFKC').trim().toLowerCase()
}

/** True for text that can be an identifier at all. PostgreSQL text cannot hold NUL. */
export function isStorableIdentifier (identifier: string): boolean {
  return identifier !== '' && !identifier.includes('\0')
}

/** @param canonical a canonical identifier */
export function isUsername (canonical: string): boolean {
  return USERNAME.test(canonical)
}
