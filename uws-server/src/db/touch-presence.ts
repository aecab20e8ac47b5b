import type pg from 'pg'

/**
 * Notes that a process lives, and which sessions have opened their first or closed their last socket on it. Repeating a
 * call changes nothing; an id in both lists ends as opened.
 * @returns false when the database did not know the process: it knows nothing of earlier calls, if there were any
 */
export async function touchPresence (db: Pick<pg.Pool, 'query'>, processId: string, opened: string[], closed: string[]): Promise<boolean> {
  const { rows } = await db.query<{ known: boolean }>('select touch_presence($1, $2::uuid[], $3::uuid[]) as known', [processId, opened, closed])
  return rows[0]!.known
}
