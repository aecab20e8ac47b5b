import type pg from 'pg'

/**
 * Notes in the database that access tokens of these refresh generations were seen. The SQL function is the same for
 * every role that may call it.
 * @param sessionIds and `generations` are pairs of the same index
 */
export async function confirmGenerations (db: Pick<pg.Pool, 'query'>, sessionIds: string[], generations: number[]): Promise<void> {
  await db.query('select confirm_generations($1::uuid[], $2::int[])', [sessionIds, generations])
}
