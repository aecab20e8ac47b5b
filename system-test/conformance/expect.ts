import { inspect } from 'node:util'

/** How a case fails: what the contract says and what came. */
export class Unexpected extends Error {
  constructor (expected: string, got: string) {
    super(`expected ${expected}; got ${got}`)
  }
}

/** A case that cannot be played here. The message is the reason. */
export class Skip extends Error {}

const JWT = /eyJ[\w-]+\.[\w-]*\.[\w-]*/g

/** A value as a report shows it: short, and without access tokens. */
export function show (value: unknown): string {
  const text = inspect(value, { depth: 4, breakLength: Infinity, maxStringLength: 120 }).replace(JWT, '<access token>')
  return text.length > 400 ? `${text.slice(0, 400)} …` : text
}

/** @param what the value is, as in "the close code" */
export function same (what: string, got: unknown, expected: unknown): void {
  if (!Object.is(got, expected)) throw new Unexpected(`${what} ${show(expected)}`, show(got))
}

/** Any of several values fits. */
export function oneOf (what: string, got: unknown, expected: readonly unknown[]): void {
  if (!expected.includes(got)) throw new Unexpected(`${what} to be one of ${show(expected)}`, show(got))
}

export function holds (isSo: boolean, expected: string, got: unknown): asserts isSo {
  if (!isSo) throw new Unexpected(expected, show(got))
}

/** Every member of `expected` is in `got`, to any depth, and equal. */
export function contains (what: string, got: unknown, expected: Record<string, unknown>): void {
  if (!includes(got, expected)) throw new Unexpected(`${what} with ${show(expected)}`, show(got))
}

function includes (got: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return Object.is(got, expected)
  if (typeof got !== 'object' || got === null || Array.isArray(got) !== Array.isArray(expected)) return false
  return Object.entries(expected).every(([name, value]) => Object.hasOwn(got, name) && includes((got as Record<string, unknown>)[name], value))
}
