import { readLanes } from '../../fastify-api/src/db/outbox.js'
import { toEnvelope } from '../../fastify-api/src/events/envelope.js'
import type { BenchDatabase } from '../harness/database.js'

const DATA = { ip: '192.0.2.1', userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', deviceId: '01935c0e-7f2a-7c1e-9d55-0f2b6a1c8e01', newDevice: false, amr: ['pwd'] }
const ALL_LANES = { lanes: Array.from({ length: 16 }, (_, lane) => lane), lease: '' }

/** Sign-ins of so many sessions, in one transaction. */
export async function recordSignIns ({ admin }: BenchDatabase, count: number): Promise<void> {
  await admin.query(
    `insert into outbox (type, user_id, session_id, request_id, data)
     select 'login.succeeded', gen_random_uuid(), gen_random_uuid(), replace(gen_random_uuid()::text, '-', ''), $2::jsonb from generate_series(1, $1::int)`,
    [count, DATA])
}

/** The messages that such sign-ins become. Leaves the outbox as empty as it has to be. */
export async function composeSignIns (database: BenchDatabase, count: number): Promise<Buffer[]> {
  await recordSignIns(database, count)
  const rows = await readLanes(database.admin, ALL_LANES, count)
  await database.admin.query('truncate outbox')
  return rows.map(row => Buffer.from(JSON.stringify(toEnvelope(row))))
}
