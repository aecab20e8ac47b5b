import type { Queryable } from './queryable.js'

/** Whether the session `s` has an open socket on a process that was seen lately: three of its heartbeats may be missing. */
export const IS_ONLINE = `exists (
  select from socket_presence p join socket_processes o on o.process_id = p.process_id
   where p.session_id = s.id and o.seen_at > now() - interval '30 seconds')`

/**
 * Forgets socket processes that have not been seen for so long; one that lives after all is told so at its next
 * heartbeat and begins anew under another id. Call it before `deleteLeftPresence`.
 */
export async function forgetSilentProcesses (db: Queryable, silentMs: number): Promise<void> {
  // The condition stands on the row itself: one that is touched while this waits for it must stay.
  await db.query("delete from socket_processes where seen_at < now() - $1::float8 * interval '1 millisecond'", [silentMs])
}

/** Deletes the presence of processes that are not known, a batch at a time. @returns how many rows went */
export async function deleteLeftPresence (db: Queryable, batch: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from socket_presence where (session_id, process_id) in
       (select p.session_id, p.process_id from socket_presence p
         where not exists (select from socket_processes o where o.process_id = p.process_id)
         order by p.session_id, p.process_id limit $1)`, [batch])
  return rowCount ?? 0
}
