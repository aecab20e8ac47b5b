import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet, type JWK } from 'jose'
import type { Case } from './case.js'
import { publicPart } from './public-part.js'

export const cases: Case[] = [
  {
    title: 'the key set has public members only, strong keys, each under its thumbprint',
    ids: ['KY-02', 'KY-03'],
    async run (t, door) {
      const answer = await door.request('/.well-known/jwks.json')
      t.equal(answer.status, 200)
      t.match(answer.headers, { 'content-type': /^application\/json/, 'cache-control': 'public, max-age=30' })
      t.strictSame(publicPart(await door.request('/api/.well-known/jwks.json')), publicPart(answer))
      const { keys, ...rest } = answer.json() as { keys: JWK[] }
      t.strictSame(rest, {})
      t.ok(keys.length > 0)
      t.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length)
      for (const key of keys) {
        t.strictSame(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use'])
        t.match(key, { kty: 'RSA', e: 'AQAB', use: 'sig', alg: 'RS256', kid: await calculateJwkThumbprint(key) })
        t.ok(createPublicKey({ key: key as JsonWebKey, format: 'jwk' }).asymmetricKeyDetails!.modulusLength! >= 2048)
      }
      t.notMatch(answer.body, /PRIVATE|"(?:d|p|q|dp|dq|qi|k)":/)
      for (const { url } of door.apis) t.equal(await (await fetch(`${url}/.well-known/jwks.json`)).text(), answer.body, 'every API publishes the same')
    }
  },
  {
    title: 'who knows nothing but the key set can verify an access token',
    ids: ['KY-03', 'JW-08'],
    async run (t, door) {
      const { accessToken, body } = await door.signIn()
      const jwks = (await door.request('/.well-known/jwks.json')).json() as JSONWebKeySet
      const { payload } = await jwtVerify(accessToken, createLocalJWKSet(jwks), { algorithms: ['RS256'], typ: 'at+jwt', issuer: 'fastify-uws-auth', audience: 'fastify-uws-auth' })
      t.match(payload, { sub: body.user.id, sid: body.session.id })
      t.ok(jwks.keys.some(({ kid }) => kid === decodeProtectedHeader(accessToken).kid))
    }
  },
  {
    title: 'the private key and the peppers are in files of their owner and in no log',
    ids: ['KY-01'],
    async run (t, door) {
      for (const file of [door.keys.PRIVATE_KEY_PATH, door.keys.REFRESH_TOKEN_PEPPER_PATH, door.keys.PASSWORD_PEPPER_PATH]) t.equal(statSync(file).mode & 0o777, 0o400)
      const secrets = [
        door.keys.privatePem.split('\n').find(line => line.length === 64)!,
        ...[door.keys.REFRESH_TOKEN_PEPPER_PATH, door.keys.PASSWORD_PEPPER_PATH].map(file => readFileSync(file, 'utf8').trim().split(':')[1]!)
      ]
      for (const { output } of [...door.apis, ...door.sockets, door.worker]) for (const secret of secrets) t.notOk(output().includes(secret))
      t.notMatch(door.keys.publicPem, /PRIVATE/)
    }
  }
]
