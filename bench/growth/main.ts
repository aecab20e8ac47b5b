// What a sign-in, a refresh, a list of sessions and an end of one take in small and large databases, through one API each,
// all running side by side. `npm run bench:growth -- 10000 100000 1000000` for those numbers of users and sessions.
import { startApi, createUsers, type ApiUnderTest } from '../harness/api-under-test.js'
import { progress, readList, wholeNumber } from '../harness/command-line.js'
import { figureOf, publish, versionsOf, type Figure } from '../harness/measurements.js'
import { alternate } from '../harness/slices.js'
import { median, ratios, withRange } from '../harness/statistics.js'
import { withTeardown, type Teardown } from '../harness/teardown.js'
import { ApiClient } from './api-client.js'
import { deviceSecret, populate } from './populate.js'
import { readSizes, type RelationSize } from './sizes.js'
import { openTokens, type Tokens } from './tokens.js'

const SIZES = readList('users', wholeNumber, [10_000, 100_000, 1_000_000]).toSorted((a, b) => a - b)
const ROUNDS = 9
const USERS_EACH_SLICE = 60
const BCRYPT_COST = 4                                 // so that the database counts
const STEP = 100_000
const AIM = { atMost: 1.5 }

const OPERATIONS = ['login', 'refresh', 'list', 'revoke'] as const
type Operation = typeof OPERATIONS[number]
/** Milliseconds each, the median of a slice. */
type Times = Record<Operation, number>

interface Place { size: number, client: ApiClient, tokens: Tokens, sizes: RelationSize[] }

await withTeardown(async t => {
  const places: Place[] = []
  for (const size of SIZES) places.push(await openPlace(t, size))
  const slices = Object.fromEntries(places.map(place => [String(place.size), () => useApi(place)]))
  const results = await alternate('growth', ROUNDS, slices)
  const timesOf = (operation: Operation, { size }: Place) => results[size]!.map(times => times[operation])
  const [first, last] = [places[0]!, places.at(-1)!]
  const growth = (operation: Operation, place: Place) => ratios(timesOf(operation, place), timesOf(operation, first))

  const figures: Record<string, Figure> = {}
  for (const operation of OPERATIONS) {
    figures[`growth.${operation}`] = figureOf(`time for ${operation} with ${last.size} users ÷ with ${first.size}`, 'x', growth(operation, last), AIM)
    for (const place of places) figures[`growth.${operation}.${place.size}`] = figureOf(`${operation} with ${place.size} users`, 'ms', timesOf(operation, place))
  }
  for (const { relation, rows, tableBytes, indexBytes } of last.sizes) {
    if (rows > 0) figures[`growth.bytes.${relation}`] = { what: `${relation}: table and indexes on disk for each row`, value: Math.round((tableBytes + indexBytes) / rows), unit: 'B' }
  }
  publish({
    bench: 'growth',
    title: 'Growth: the same work in small and large databases',
    method: `One API and one PostgreSQL for each size, all running at once; ${ROUNDS} rounds of alternating slices of ${USERS_EACH_SLICE} users taken at random, one request after the other; ` +
      'the median of each slice, ratios within a round. Everybody has a known device, a session and the audit log of a month, every second a session that has ended. ' +
      `Sign-ins come from the known device; bcrypt costs ${BCRYPT_COST} and signing 2048 bits, so that the database counts.`,
    versions: versionsOf(['pg', 'fastify']),
    figures,
    tables: [
      { caption: 'Milliseconds, median (range)', head: ['operation', ...SIZES.map(String)], rows: OPERATIONS.map(operation => [operation, ...places.map(place => withRange(timesOf(operation, place)))]) },
      { caption: `Beside ${first.size}, median (range)`, head: ['operation', ...SIZES.map(String)], rows: OPERATIONS.map(operation => [operation, ...places.map(place => withRange(growth(operation, place)))]) },
      { caption: `Disk with ${last.size} users`, head: ['table', 'rows', 'MB table', 'MB indexes', 'bytes a row'], rows: last.sizes.map(toRow) }
    ]
  })
})

async function openPlace (t: Teardown, size: number): Promise<Place> {
  progress(`${size} users: starting`)
  const api = await startApi(t, { bits: 2048, bcryptCost: BCRYPT_COST, users: Math.min(size, STEP) })
  await fill(api, size)
  const client = new ApiClient(api.url, 1)
  t.teardown(() => client.close())
  return { size, client, tokens: await openTokens(t, api, size), sizes: await readSizes(api.database) }
}

async function fill ({ database, keysDir }: ApiUnderTest, size: number): Promise<void> {
  for (let from = STEP; from < size; from += STEP) {
    await createUsers(database, keysDir, { from, count: Math.min(STEP, size - from), bcryptCost: BCRYPT_COST })
    if (size > STEP) progress(`users: ${Math.min(size, from + STEP)} of ${size}`)
  }
  await populate(database, size)
}

/** Does everything once for some users, each in its turn. */
async function useApi ({ client, tokens }: Place): Promise<Times> {
  const times: Record<Operation, number[]> = { login: [], refresh: [], list: [], revoke: [] }
  const timed = async <Result>(operation: Operation, work: () => Promise<Result>): Promise<Result> => {
    const startedAt = performance.now()
    const result = await work()
    times[operation].push(performance.now() - startedAt)
    return result
  }
  for (const { n, cookie } of await tokens.take(USERS_EACH_SLICE)) {
    await timed('login', () => client.logIn(`user${n}`, deviceSecret(n)))
    const { accessToken, sessionId } = await timed('refresh', () => client.refresh(cookie))
    await timed('list', () => client.listSessions(accessToken))
    await timed('revoke', () => client.revokeSession(accessToken, sessionId))
  }
  return Object.fromEntries(OPERATIONS.map(operation => [operation, median(times[operation])])) as Times
}

function toRow ({ relation, rows, tableBytes, indexBytes }: RelationSize): string[] {
  return [relation, String(rows), (tableBytes / 1e6).toFixed(1), (indexBytes / 1e6).toFixed(1), rows === 0 ? '-' : String(Math.round((tableBytes + indexBytes) / rows))]
}
