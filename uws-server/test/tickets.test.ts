import { createHash, randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createDatabase } from '../../packages/auth-contract/test/fixtures/database.js'
import { consumeWsTicket } from '../src/db/consume-ws-ticket.js'
import { createTicketVerifier } from '../src/tickets.js'

const ISSUER = 'fastify-uws-auth'
const NOW = 1_900_000_000
const OF_A_TOKEN = { keyId: 'kid-1', refreshGeneration: 7, issuedAt: NOW, expiresAt: NOW + 900, authTime: NOW - 3600, amr: ['pwd', 'otp'] }

/** A database as the ws role sees it, and how tickets get into it. */
async function startTickets (t: Test) {
  const { connectionString, pool } = await createDatabase(t)
  const asWs = (max: number) => {
    const pool = new pg.Pool({ connectionString: `${connectionString}?options=${encodeURIComponent('-c role=ws')}`, max })
    pool.on('error', () => {})
    t.teardown(() => pool.end())
    return pool
  }
  const wsPool = asWs(2)
  const sell = async (endsIn = '30 seconds') => {
    const bytes = randomBytes(32)
    const [subject, sessionId] = [randomUUID(), randomUUID()]
    await pool.query(
      'insert into ws_tickets values ($1, $2, $3, $4, $5, to_timestamp($6), to_timestamp($7), to_timestamp($8), $9, now() + $10::interval)',
      [createHash('sha256').update(bytes).digest(), subject, sessionId, OF_A_TOKEN.refreshGeneration, OF_A_TOKEN.keyId, OF_A_TOKEN.issuedAt, OF_A_TOKEN.expiresAt, OF_A_TOKEN.authTime, OF_A_TOKEN.amr, endsIn])
    return { ticket: bytes.toString('base64url'), principal: { subject, sessionId, issuer: ISSUER, ...OF_A_TOKEN } }
  }
  const verifierOf = (db: pg.Pool, now = NOW) => createTicketVerifier({ consume: hash => consumeWsTicket(db, hash), issuer: ISSUER, now: () => now * 1000 })
  return { pool, wsPool, asWs, sell, verifierOf }
}

t.test('a ticket stands for the access token that bought it, once', async t => {
  const { wsPool, sell, verifierOf } = await startTickets(t)
  const verify = verifierOf(wsPool)
  const { ticket, principal } = await sell()
  t.strictSame(await verify(ticket), { kind: 'verified', principal })
  t.strictSame(await verify(ticket), { kind: 'refused', reason: 'ticket' })
})

t.test('twenty processes are shown one ticket at once: one opens a socket', async t => {
  const { asWs, sell, verifierOf } = await startTickets(t)
  const processes = Array.from({ length: 4 }, () => verifierOf(asWs(5)))
  for (let round = 0; round < 10; round++) {
    const { ticket, principal } = await sell()
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => processes[index % 4]!(ticket)))
    t.strictSame(answers.filter(({ kind }) => kind !== 'refused'), [{ kind: 'verified', principal }])
  }
})

t.test('a ticket ends by the clock of the database, and is nobody\'s afterwards', async t => {
  const { pool, wsPool, sell, verifierOf } = await startTickets(t)
  const { ticket } = await sell('-1 millisecond')
  t.strictSame(await verifierOf(wsPool)(ticket), { kind: 'refused', reason: 'ticket' })
  t.equal((await pool.query('select from ws_tickets')).rowCount, 1, 'left for the clean-up')
})

t.test('a ticket is worth no more than its access token', async t => {
  const { wsPool, sell, verifierOf } = await startTickets(t)
  for (const [now, kind] of [[OF_A_TOKEN.expiresAt - 1, 'verified'], [OF_A_TOKEN.expiresAt, 'expired'], [OF_A_TOKEN.expiresAt + 3600, 'expired']] as const) {
    const { ticket, principal } = await sell()
    t.strictSame(await verifierOf(wsPool, now)(ticket), { kind, principal })
    t.strictSame(await verifierOf(wsPool, NOW)(ticket), { kind: 'refused', reason: 'ticket' }, 'used up either way')
  }
})

t.test('what is no ticket is refused without asking the database', async t => {
  const asked: Buffer[] = []
  const verify = createTicketVerifier({
    issuer: ISSUER,
    async consume (hash) {
      asked.push(hash)
      return undefined
    }
  })
  const good = randomBytes(32).toString('base64url')
  const nearly = Buffer.alloc(32, 0xff).toString('base64url')
  for (const text of [
    '', good.slice(1), `${good}A`, `${good}=`, `${good}\n`, ` ${good.slice(1)}`, `${good.slice(0, 42)}+`, `${good.slice(0, 42)}/`, `é${good.slice(1)}`, `\0${good.slice(1)}`,
    `${nearly.slice(0, 42)}9`, `${nearly.slice(0, 42)}_`, `${good}.${good}.${good}`, 'x'.repeat(100_000)
  ]) t.strictSame(await verify(text), { kind: 'refused', reason: 'ticket' }, JSON.stringify(text.slice(0, 60)))
  t.strictSame(asked, [])
  t.strictSame(await verify(good), { kind: 'refused', reason: 'ticket' })
  t.strictSame(asked, [createHash('sha256').update(Buffer.from(good, 'base64url')).digest()])
})

t.test('every ticket that can be sold has the form of one', async t => {
  let asked = 0
  const verify = createTicketVerifier({
    issuer: ISSUER,
    async consume () {
      asked += 1
      return undefined
    }
  })
  for (let last = 0; last < 256; last++) await verify(Buffer.concat([randomBytes(31), Buffer.of(last)]).toString('base64url'))
  t.equal(asked, 256)
})

t.test('without a database the answer is that there is none, and the ticket stays good', async t => {
  const { pool, wsPool, sell, verifierOf } = await startTickets(t)
  const verify = verifierOf(wsPool)
  const { ticket, principal } = await sell()
  await pool.query('alter function consume_ws_ticket (bytea) rename to elsewhere')
  t.match(await verify(ticket), { kind: 'unavailable', cause: { code: '42883' } })
  await pool.query('alter function elsewhere (bytea) rename to consume_ws_ticket')
  t.strictSame(await verify(ticket), { kind: 'verified', principal })
})
