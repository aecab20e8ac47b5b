// GET /api/protected of one API process beside the same application without authentication, and beside what others
// would write. All servers run throughout and are asked in turn; the client runs on the same cores.
import { progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { figureOf, publish, versionsOf, type Figure } from '../harness/measurements.js'
import { alternate } from '../harness/slices.js'
import { median, ratios, withRange } from '../harness/statistics.js'
import { withTeardown } from '../harness/teardown.js'
import { PEERS, installPeers } from '../peers/install.js'
import { startLoad, type Result } from './load.js'
import { startOurs, startPeer, startSameApplication, type ServerUnderTest } from './servers.js'
import { SESSIONS, signIn } from './sign-in.js'

const BITS = 4096
const OURS = 'ours'
const TITLES = {
  [OURS]: 'GET /api/protected',
  'without-authentication': 'the same application, a route without authentication',
  'same-fastify-jwt': 'the same application, @fastify/jwt',
  'same-fastify-jwt-cached': 'the same application, @fastify/jwt with its cache',
  fastify: 'Fastify alone, an empty route',
  'fastify-jwt': 'Fastify alone, @fastify/jwt',
  'fastify-jwt-cached': 'Fastify alone, @fastify/jwt with its cache',
  express: 'express alone, jsonwebtoken'
}
type Name = keyof typeof TITLES

/** Of requests a second, ours by theirs. */
const RATIO_AIMS: Partial<Record<Name, number>> = {
  'without-authentication': 0.75, 'same-fastify-jwt': 3, 'same-fastify-jwt-cached': 1.2, 'fastify-jwt': 3, 'fastify-jwt-cached': 1.2, express: 3
}
const AUTHENTICATED = [OURS, 'same-fastify-jwt', 'same-fastify-jwt-cached', 'fastify-jwt', 'fastify-jwt-cached', 'express'] as const
const RATE_AIM = 10_000

const [rounds, sliceMs] = readArguments(['rounds', wholeNumber, 9], ['milliseconds a slice', wholeNumber, 2000])

await withTeardown(async t => {
  installPeers()
  progress('starting the servers')
  const { api, ...ours } = await startOurs(t, BITS)
  const same = { bits: BITS, keysDir: api.keysDir } as const
  const servers: Record<Name, ServerUnderTest> = {
    [OURS]: ours,
    'without-authentication': await startSameApplication(t, same),
    'same-fastify-jwt': await startSameApplication(t, { ...same, settings: { VERIFIED_TOKENS: '0' } }),
    'same-fastify-jwt-cached': await startSameApplication(t, { ...same, settings: { VERIFIED_TOKENS: '1000' } }),
    fastify: await startPeer(t, 'fastify-empty.mjs', api),
    'fastify-jwt': await startPeer(t, 'fastify-jwt.mjs', api),
    'fastify-jwt-cached': await startPeer(t, 'fastify-jwt.mjs', api, { VERIFIED_TOKENS: '1000' }),
    express: await startPeer(t, 'express-jsonwebtoken.mjs', api)
  }
  progress(`${SESSIONS} users sign in`)
  const accessTokens = await signIn(api.url)
  for (const name of AUTHENTICATED) await expectRefusal(servers[name], accessTokens[0]!)

  const load = startLoad(t, accessTokens)
  const slices = Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, () => load(server, sliceMs)])) as Record<Name, () => Promise<Result>>
  const results = await alternate('protected', rounds, slices)
  const perSecond = (name: Name) => results[name].map(result => result.perSecond)
  const names = Object.keys(TITLES) as Name[]

  const figures: Record<string, Figure> = {
    'protected.rate': figureOf(TITLES[OURS], '/s', perSecond(OURS), { atLeast: RATE_AIM }),
    ...Object.fromEntries(names.filter(name => name !== OURS).map(name => [`protected.${name}.ratio`,
      figureOf(`${TITLES[OURS]} ÷ ${TITLES[name]}`, 'x', ratios(perSecond(OURS), perSecond(name)), RATIO_AIMS[name] === undefined ? undefined : { atLeast: RATIO_AIMS[name] })])),
    ...Object.fromEntries(names.map(name => [`protected.${name}.cpu`, figureOf(`CPU of a request: ${TITLES[name]}`, 'µs', results[name].map(({ cpu }) => cpu))]))
  }
  publish({
    bench: 'protected',
    title: 'Requests with an access token',
    method: `${rounds} rounds of ${sliceMs} ms each; one server process, one client process with 32 kept connections on the same cores; tokens of ${SESSIONS} sessions, ` +
      `RS256 with ${BITS} bits. Each server writes one line of pino for each request, to /dev/null, and answers the same JSON. ` +
      'The same application has our limits, request ids, security headers, timeouts and graceful stop; Fastify and express alone have none of them. ' +
      'Ratios are of requests a second in the same round; a server that is busy for less than 1 was waiting for the client.',
    versions: { ...versionsOf(['fastify']), ...versionsOf(['@fastify/jwt', 'fast-jwt', 'express', 'jsonwebtoken'], PEERS) },
    figures,
    tables: [{
      caption: 'One process, one connection asks one request at a time',
      head: ['server', 'requests/s', 'ours ÷ this', 'aim', 'CPU of the server, µs', 'busy', 'p50 ms', 'p99 ms'],
      rows: names.map(name => [
        TITLES[name], withRange(perSecond(name), 0), name === OURS ? '' : withRange(ratios(perSecond(OURS), perSecond(name))),
        name === OURS ? `≥ ${RATE_AIM}/s` : RATIO_AIMS[name] === undefined ? '' : `≥ ${RATIO_AIMS[name]}`,
        ...(['cpu', 'busy', 'p50', 'p99'] as const).map(column => median(results[name].map(result => result[column])).toFixed(column === 'cpu' ? 0 : 2))
      ])
    }]
  })
})

/** Whoever answers a token with a changed signature measures nothing. */
async function expectRefusal ({ port, path }: ServerUnderTest, accessToken: string): Promise<void> {
  const place = accessToken.lastIndexOf('.') + 5
  const changed = `${accessToken.slice(0, place)}${accessToken[place] === 'A' ? 'B' : 'A'}${accessToken.slice(place + 1)}`
  const { status } = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${changed}` } })
  if (status !== 401 && status !== 400) throw new Error(`a changed access token was answered with ${status}`)
}
