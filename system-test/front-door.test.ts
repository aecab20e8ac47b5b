import t from 'tap'
import { NGINX_MISSING, startFrontDoor } from './fixtures/front-door.js'
import type { Case } from './front-door/case.js'
import { cases as accessTokenCache } from './front-door/access-token-cache.js'
import { cases as accessTokenClaims } from './front-door/access-token-claims.js'
import { cases as accessTokenFlaws } from './front-door/access-token-flaws.js'
import { cases as bodies } from './front-door/bodies.js'
import { cases as cookies } from './front-door/cookies.js'
import { cases as credentialCrossUse } from './front-door/credential-cross-use.js'
import { cases as errorsSayNothing } from './front-door/errors-say-nothing.js'
import { cases as hostAndPaths } from './front-door/host-and-paths.js'
import { cases as limitsOfRequests } from './front-door/limits-of-requests.js'
import { cases as malformedHttp } from './front-door/malformed-http.js'
import { cases as methods } from './front-door/methods.js'
import { cases as objectIds } from './front-door/object-ids.js'
import { cases as originsAndCors } from './front-door/origins-and-cors.js'
import { cases as pausedApi } from './front-door/paused-api.js'
import { cases as proxyHeaders } from './front-door/proxy-headers.js'
import { cases as publishedKeys } from './front-door/published-keys.js'
import { cases as refreshFamilies } from './front-door/refresh-families.js'
import { cases as refreshRefusals } from './front-door/refresh-refusals.js'
import { cases as reload } from './front-door/reload.js'
import { cases as requestIds } from './front-door/request-ids.js'
import { cases as sessionEnds } from './front-door/session-ends.js'
import { cases as sessionLifetimes } from './front-door/session-lifetimes.js'
import { cases as sessionOutage } from './front-door/session-outage.js'
import { cases as socketAbuse } from './front-door/socket-abuse.js'
import { cases as socketAuthentication } from './front-door/socket-authentication.js'
import { cases as socketFrames } from './front-door/socket-frames.js'
import { cases as socketOrigins } from './front-door/socket-origins.js'
import { cases as socketRevocation } from './front-door/socket-revocation.js'
import { cases as tlsAndHeaders } from './front-door/tls-and-headers.js'
import { cases as tokenCarriers } from './front-door/token-carriers.js'
import { cases as upstreams } from './front-door/upstreams.js'

const CASES: Case[] = [
  ...accessTokenCache,
  ...accessTokenClaims,
  ...accessTokenFlaws,
  ...bodies,
  ...cookies,
  ...credentialCrossUse,
  ...errorsSayNothing,
  ...hostAndPaths,
  ...limitsOfRequests,
  ...malformedHttp,
  ...methods,
  ...objectIds,
  ...originsAndCors,
  ...pausedApi,
  ...proxyHeaders,
  ...publishedKeys,
  ...refreshFamilies,
  ...refreshRefusals,
  ...reload,
  ...requestIds,
  ...sessionEnds,
  ...sessionLifetimes,
  ...sessionOutage,
  ...socketAbuse,
  ...socketAuthentication,
  ...socketFrames,
  ...socketOrigins,
  ...socketRevocation,
  ...tlsAndHeaders,
  ...tokenCarriers,
  ...upstreams
]

t.test('through nginx, as in production', { skip: NGINX_MISSING }, async t => {
  const door = await startFrontDoor(t)
  for (const { title, ids, run } of CASES) await t.test(`${title} (${ids.join(', ')})`, t => run(t, door))
})
