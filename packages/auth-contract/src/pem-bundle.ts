const BLOCK = /-----BEGIN ([A-Z ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g

export interface PemBlock { label: string, pem: string }

/** The PEM blocks of a file in their order, newest last. Text between them is commentary and ignored. */
export function parsePemBundle (text: string): PemBlock[] {
  return [...text.matchAll(BLOCK)].map(match => ({ label: match[1]!, pem: match[0] }))
}
