import type { Queryable } from './queryable.js'

/** Notes that access tokens of these refresh generations were seen; pairs have the same index. */
export async function confirmGenerations (db: Queryable, sessionIds: string[], generations: number[]): Promise<void> {
  await db.query('select confirm_generations($1::uuid[], $2::int[])', [sessionIds, generations])
}
