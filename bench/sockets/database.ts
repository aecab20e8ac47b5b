import { startBenchDatabase } from '../harness/database.js'
import type { Teardown } from '../harness/teardown.js'

export interface Database {
  /** Connection string of the ws role. */
  wsUrl: string
  /** Ends the sessions of these sockets, in one statement. */
  revoke: (firstIndex: number, lastIndex: number) => Promise<void>
}

/** A database of the socket benches. */
export async function startDatabase (t: Teardown): Promise<Database> {
  const { url, admin } = await startBenchDatabase(t)
  await admin.query('select')
  return {
    wsUrl: url('ws'),
    async revoke (firstIndex, lastIndex) {
      await admin.query({
        name: 'revoke',
        text: `insert into revocations (sid, user_id, reason)
               select ('00000000-0000-4000-8000-' || suffix)::uuid, ('10000000-0000-4000-8000-' || suffix)::uuid, 'logout'
                 from (select lpad(to_hex(i), 12, '0') as suffix from generate_series($1::int, $2::int) i) numbers`,
        values: [firstIndex, lastIndex]
      })
    }
  }
}
