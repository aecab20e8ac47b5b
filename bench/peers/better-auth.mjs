// better-auth with its OAuth provider: the refresh token grant of a public client, rotated by itself, its state in
// PostgreSQL. An access token for a resource (RFC 8707) is a JWT signed by RS256 with the given key; without the scope
// openid there is no ID token beside it. Also its sign-in by e-mail address and password.
import { createHash, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { oauthProvider } from '@better-auth/oauth-provider'
import bcrypt from 'bcrypt'
import { betterAuth } from 'better-auth'
import { symmetricEncrypt } from 'better-auth/crypto'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'
import pg from 'pg'

const { PORT, DATABASE_URL, PRIVATE_KEY_PATH, TOKENS, USERS, PASSWORD, BCRYPT_COST, POOL_SIZE } = process.env
const URL = `http://127.0.0.1:${PORT}`
const CLIENT_ID = 'bench'
const RESOURCE = 'https://api.example/'
const SCOPES = ['offline_access', 'api']
const SECRET = randomBytes(32).toString('base64')
const FOUR_WEEKS_MS = 28 * 24 * 3600 * 1000

const options = {
  baseURL: URL,
  secret: SECRET,
  database: new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL_SIZE) }),
  logger: { level: 'error' },
  telemetry: { enabled: false },
  rateLimit: { enabled: false },
  emailAndPassword: {
    enabled: true,
    ...BCRYPT_COST === undefined ? {} : { password: { hash: password => bcrypt.hash(password, Number(BCRYPT_COST)), verify: ({ password, hash }) => bcrypt.compare(password, hash) } }
  },
  disabledPaths: ['/token'],
  plugins: [
    jwt({ jwks: { keyPairConfig: { alg: 'RS256' } }, jwt: { issuer: URL } }),
    oauthProvider({ loginPage: '/sign-in', consentPage: '/consent', scopes: SCOPES, resources: [RESOURCE], cachedTrustedClients: new Set([CLIENT_ID]), cachedResources: new Set([RESOURCE]), accessTokenExpiresIn: 900 })
  ]
}
await (await getMigrations(options)).runMigrations()
const auth = betterAuth(options)
const { adapter, internalAdapter, password } = await auth.$context

await storeSigningKey()
await adapter.create({
  model: 'oauthClient',
  data: { clientId: CLIENT_ID, public: true, type: 'user-agent-based', tokenEndpointAuthMethod: 'none', grantTypes: ['authorization_code', 'refresh_token'], responseTypes: ['code'], redirectUris: ['https://client.example/callback'], scopes: SCOPES, createdAt: new Date(), updatedAt: new Date() }
})
await adapter.create({ model: 'oauthClientResource', data: { clientId: CLIENT_ID, resourceId: RESOURCE, createdAt: new Date() } })
const hash = await password.hash(PASSWORD)
const users = await Promise.all(Array.from({ length: Number(USERS) }, (_, n) => createUser(`user${n}@example.com`)))
const tokens = await Promise.all(users.slice(0, Number(TOKENS)).map(issueRefreshToken))

createServer(toNodeHandler(auth)).listen(Number(PORT), '127.0.0.1', () => process.send({
  refresh: { url: `${URL}/api/auth/oauth2/token`, form: { grant_type: 'refresh_token', client_id: CLIENT_ID }, tokens },
  signIn: { url: `${URL}/api/auth/sign-in/email`, headers: { origin: URL }, bodies: users.map(({ email }) => ({ email, password: PASSWORD })) }
}))
process.on('disconnect', () => process.exit())

async function storeSigningKey () {
  const key = createPrivateKey(readFileSync(PRIVATE_KEY_PATH, 'utf8'))
  const [privateJwk, publicJwk] = [key, createPublicKey(key)].map(half => JSON.stringify({ ...half.export({ format: 'jwk' }), alg: 'RS256' }))
  const privateKey = JSON.stringify(await symmetricEncrypt({ key: SECRET, data: privateJwk }))
  await adapter.create({ model: 'jwks', data: { publicKey: publicJwk, privateKey, alg: 'RS256', createdAt: new Date() } })
}

async function createUser (email) {
  const user = await internalAdapter.createUser({ email, name: email, emailVerified: true })
  await internalAdapter.linkAccount({ userId: user.id, accountId: user.id, providerId: 'credential', password: hash })
  return user
}

// As the token endpoint leaves it behind after a code has been exchanged.
async function issueRefreshToken ({ id: userId }) {
  const token = randomBytes(24).toString('base64url')
  const session = await internalAdapter.createSession(userId)
  await adapter.create({
    model: 'oauthRefreshToken',
    data: { token: createHash('sha256').update(token).digest('base64url'), clientId: CLIENT_ID, sessionId: session.id, userId, scopes: SCOPES, resources: [RESOURCE], authTime: new Date(), createdAt: new Date(), expiresAt: new Date(Date.now() + FOUR_WEEKS_MS) }
  })
  return token
}
