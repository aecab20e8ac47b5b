import { createRequire } from 'node:module'
import { PEERS } from '../peers/install.js'

interface Options { key: string, algorithms: string[], allowedIss: string, allowedAud: string, cache: number }

interface FastJwt { createVerifier: (options: Options) => (accessToken: string) => unknown }

const { createVerifier } = createRequire(PEERS)('fast-jwt') as FastJwt

/**
 * As its manual shows it for tokens of one issuer.
 * @param publicKey PEM
 * @param cache most tokens remembered; 0 for none
 * @returns throws when the token is not good
 */
export function createFastJwtVerifier (publicKey: string, { issuer, audience }: { issuer: string, audience: string }, cache: number): (accessToken: string) => unknown {
  return createVerifier({ key: publicKey, algorithms: ['RS256'], allowedIss: issuer, allowedAud: audience, cache })
}
