import type pg from 'pg'
import { refresh, sessionIdOf, signIn } from './client.js'

const WIDTH = 64

/** What 64 refreshes with one token came to. */
export interface BurstResult {
  statuses: Record<number, number>
  /** Different cookies among the answers. */
  successors: number
  /** By how much the session's generation has moved. */
  rotations: number
  replays: number
  revoked: boolean
}

/** Which token of a fresh session the burst presents. */
export type BurstToken =
  /** the one from sign-in */
  | 'first'
  /** the current one, after the window of the rotation that made it */
  | 'current'
  /** one whose successor was issued but never arrived, after the window of that rotation */
  | 'late'

/** 64 refreshes with one token at once, spread evenly over the APIs. */
export async function playBurst (urls: readonly string[], pool: pg.Pool, which: BurstToken): Promise<BurstResult> {
  const session = await signIn(urls[0]!)
  const id = sessionIdOf(session.accessToken)
  let { cookie } = session
  if (which !== 'first') {
    const answer = await refresh(urls[0]!, cookie)
    if (which === 'current') cookie = answer.cookie!
    await pool.query("update sessions set rotated_at = rotated_at - interval '1 minute' where id = $1", [id])
  }
  const before = await readRow(pool, id)
  const answers = await Promise.all(Array.from({ length: WIDTH }, (_, i) => refresh(urls[i % urls.length]!, cookie)))
  const after = await readRow(pool, id)
  const statuses: Record<number, number> = {}
  for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1
  return {
    statuses,
    successors: new Set(answers.map(({ cookie }) => cookie).filter(cookie => cookie !== undefined)).size,
    rotations: after.generation - before.generation,
    replays: after.replays,
    revoked: after.revoked
  }
}

/** What is not as it has to be: one rotation, one successor for all 64, nobody signed out. */
export function faultsOf ({ statuses, successors, rotations, revoked }: BurstResult): string[] {
  return [
    ...statuses[200] === WIDTH ? [] : [`statuses ${JSON.stringify(statuses)}`],
    ...successors === 1 ? [] : [`${successors} successors`],
    ...rotations === 1 ? [] : [`${rotations} rotations`],
    ...revoked ? ['session revoked'] : []
  ]
}

async function readRow (pool: pg.Pool, id: string): Promise<{ generation: number, replays: number, revoked: boolean }> {
  const { rows } = await pool.query('select generation, replays, revoked_at is not null as revoked from sessions where id = $1', [id])
  return rows[0]
}
