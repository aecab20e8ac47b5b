import type { Queryable } from './queryable.js'

export interface UnsentMail {
  id: string
  template: string
  username: string
  state: 'waiting' | 'abandoned'
  attempts: number
  lastError: string | null
  nextTryAt: Date
}

/** Waiting and abandoned mails, oldest first. */
export async function listUnsentMails (db: Queryable): Promise<UnsentMail[]> {
  const { rows } = await db.query<UnsentMail>(
    `select m.id, m.template, u.username, m.state, m.attempts, m.last_error as "lastError", m.next_try_at as "nextTryAt"
       from mails m join users u on u.id = m.user_id where m.state in ('waiting', 'abandoned') order by m.created_at, m.id`)
  return rows
}

/** Lets an abandoned mail, or all of them, wait again for another day. @returns how many there were */
export async function retryMails (db: Queryable, id: string | 'all'): Promise<number> {
  const { rowCount } = await db.query(
    `update mails set state = 'waiting', finished_at = null, attempts = 0, waiting_since = now(), next_try_at = now()
      where state = 'abandoned' and ($1::uuid is null or id = $1)`, [id === 'all' ? null : id])
  return rowCount ?? 0
}
