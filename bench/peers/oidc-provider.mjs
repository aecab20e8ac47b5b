// oidc-provider: the refresh token grant of a public client, with rotation, its state in PostgreSQL. An access token is a
// JWT for a resource (RFC 8707) signed by RS256 with the given key; without the scope openid there is no ID token beside it.
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import Provider from 'oidc-provider'
import pg from 'pg'
import { createAdapter } from './oidc-provider-adapter.mjs'

const { PORT, DATABASE_URL, PRIVATE_KEY_PATH, TOKENS, POOL_SIZE } = process.env
const URL = `http://127.0.0.1:${PORT}`
const CLIENT_ID = 'bench'
const RESOURCE = 'https://api.example/'
const SCOPE = 'offline_access api'

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL_SIZE) })
const provider = new Provider(URL, {
  adapter: await createAdapter(pool),
  jwks: { keys: [{ ...createPrivateKey(readFileSync(PRIVATE_KEY_PATH, 'utf8')).export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] },
  clients: [{
    client_id: CLIENT_ID,
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: ['https://client.example/callback']
  }],
  scopes: ['offline_access', 'api'],
  cookies: { keys: ['of a bench that sets none'] },
  ttl: { AccessToken: 900, Grant: 1_209_600, RefreshToken: 1_209_600 },
  rotateRefreshToken: true,
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: 'api', audience: RESOURCE, accessTokenTTL: 900, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } })
    }
  }
})

const tokens = await Promise.all(Array.from({ length: Number(TOKENS) }, (_, n) => issueRefreshToken(`user${n}`)))
provider.listen(Number(PORT), '127.0.0.1', () => process.send({
  refresh: { url: `${URL}/token`, form: { grant_type: 'refresh_token', client_id: CLIENT_ID }, tokens }
}))
process.on('disconnect', () => process.exit())

// As the authorization endpoint leaves it behind after a code has been exchanged.
async function issueRefreshToken (accountId) {
  const grant = new provider.Grant({ accountId, clientId: CLIENT_ID })
  grant.addOIDCScope('offline_access')
  grant.addResourceScope(RESOURCE, 'api')
  const grantId = await grant.save()
  const client = await provider.Client.find(CLIENT_ID)
  return await new provider.RefreshToken({ accountId, client, grantId, gty: 'authorization_code', scope: SCOPE, resource: RESOURCE, authTime: Math.floor(Date.now() / 1000), expiresWithSession: false, rotations: 0 }).save()
}
