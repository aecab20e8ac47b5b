import { createPrivateKey, createPublicKey, randomUUID, sign, type KeyObject } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { calculateJwkThumbprint } from 'jose'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const LIFETIME_SECONDS = 3600
/** The first access tokens are this much older than their minting, so that renewed ones can be newer and not of the future. */
const HEAD_START_SECONDS = 600

/** `ACCESS_TOKEN_MAX_AGE` of the server: no access token expires in a run. */
export const ACCESS_TOKEN_MAX_AGE = `${LIFETIME_SECONDS}s`

export interface KeyFiles { privatePath: string, publicPath: string }

/** Makes a signing key of 2048 bits in a folder. */
export function makeKeyFiles (folder: string): KeyFiles {
  const { status, stderr } = spawnSync(process.execPath, [path.join(PROJECT, 'scripts/generate-keys.mjs'), '--bits', '2048'], { env: { PATH: process.env['PATH'], KEYS_DIR: folder }, encoding: 'utf8' })
  if (status !== 0) throw new Error(`no keys: ${stderr}`)
  return { privatePath: path.join(folder, 'private.pem'), publicPath: path.join(folder, 'public.pem') }
}

/** The session of the socket with this number: known everywhere without being told. */
export function sessionId (index: number): string {
  return `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`
}

/** The user of the socket with this number; each has one of its own. */
export function userId (index: number): string {
  return `10000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`
}

/** Mints access tokens such as the API's, as fast as one core signs. */
export class TokenMint {
  readonly #key: KeyObject
  readonly #header: string
  readonly #startedAt = Math.floor(Date.now() / 1000)

  private constructor (key: KeyObject, kid: string) {
    this.#key = key
    this.#header = base64url({ alg: 'RS256', typ: 'at+jwt', kid })
  }

  static async open ({ privatePath }: KeyFiles): Promise<TokenMint> {
    const key = createPrivateKey(readFileSync(privatePath))
    const { kty, n, e } = createPublicKey(key).export({ format: 'jwk' })
    return new TokenMint(key, await calculateJwkThumbprint({ kty: kty!, n: n!, e: e! }))
  }

  /** @param generation the refresh generation; a greater one renews */
  mint (index: number, generation: number): string {
    const issuedAt = this.#startedAt - HEAD_START_SECONDS + Math.min(generation, HEAD_START_SECONDS)
    const claims = {
      iss: 'fastify-uws-auth',
      aud: 'fastify-uws-auth',
      sub: userId(index),
      sid: sessionId(index),
      jti: randomUUID(),
      iat: issuedAt,
      exp: issuedAt + LIFETIME_SECONDS,
      auth_time: issuedAt,
      amr: ['pwd'],
      rg: generation
    }
    const signingInput = `${this.#header}.${base64url(claims)}`
    return `${signingInput}.${sign('RSA-SHA256', Buffer.from(signingInput), this.#key).toString('base64url')}`
  }
}

function base64url (value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
