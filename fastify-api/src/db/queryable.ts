import type pg from 'pg'
import { isWithoutAnswer } from './unavailable.js'

/** A pool, or one connection inside a transaction. */
export type Queryable = Pick<pg.Pool | pg.PoolClient, 'query'>

/** Runs `work` on one connection between begin and commit; rolls back when it throws. Never hash, sign or call out inside. */
export async function inTransaction<Result> (pool: pg.Pool, work: (db: Queryable) => Promise<Result>): Promise<Result> {
  const client = await pool.connect()
  // The pool listens to idle connections only. One that is lost in here fails the next statement, and that is enough.
  client.on('error', ignore)
  let failure: Error | undefined
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (err) {
    failure = err as Error
    // It would keep the caller waiting once more; closing the connection rolls back, too.
    if (!isWithoutAnswer(err)) await client.query('rollback').catch(() => {})
    throw err
  } finally {
    client.off('error', ignore)
    client.release(failure)
  }
}

function ignore (): void {}
