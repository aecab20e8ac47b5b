import type pg from 'pg'
import type { TestRedis } from '../../packages/auth-contract/test/fixtures/redis-server.js'
import { cpuMicroseconds, cpuMicrosecondsOfTree } from '../harness/process-figures.js'

/** Processes by what they are part of; of PostgreSQL and RabbitMQ the first, with all that it has started. */
export type Parts = Partial<Record<Part, number>>
export type Part = 'api' | 'worker' | 'sockets' | 'postgres' | 'broker' | 'redis'

/** What one operation takes. */
export interface Costs {
  /** Microseconds by part. */
  cpu: Parts
  walBytes: number
  /** Transactions that write. */
  commits: number
  /** Commands that Redis was sent, scripts as one. */
  redisCommands: number
}

export interface Place { admin: pg.Pool, parts: Parts, redis?: TestRedis | undefined }

interface State { cpu: Parts, wal: number, transactions: number, redisCommands: number }

const TREES: ReadonlySet<string> = new Set<Part>(['postgres', 'broker'])
const COMMAND = /^cmdstat_(?:evalsha|eval|publish|set|get|del):calls=(\d+)/gm
const SETTLE_MS = 1200

/**
 * Does something and divides what that took by how often it was done. CPU time is exact to 10 ms for each process, so
 * do it for a second at least. What the parts do by themselves meanwhile is in it.
 * @param work @returns how often
 */
export async function measureCosts (place: Place, work: () => Promise<number>): Promise<Costs> {
  const before = await readState(place)
  const done = await work()
  // What is collected for a second, such as presence and confirmed generations, is part of it.
  await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
  const after = await readState(place)
  const cpu = Object.fromEntries(Object.entries(after.cpu).map(([part, spent]) => [part, (spent - before.cpu[part as Part]!) / done]))
  return {
    cpu,
    walBytes: (after.wal - before.wal) / done,
    commits: (after.transactions - before.transactions) / done,
    redisCommands: (after.redisCommands - before.redisCommands) / done
  }
}

async function readState ({ admin, parts, redis }: Place): Promise<State> {
  // A transaction gets its number when it writes; asking for one would use one up.
  const { rows: [row] } = await admin.query<{ wal: number, transactions: number }>(
    "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as wal, pg_snapshot_xmax(pg_current_snapshot())::text::float8 as transactions")
  const commands = redis === undefined ? '' : String(await redis.command('info', 'commandstats'))
  const cpu = Object.fromEntries(Object.entries(parts).map(([part, pid]) => [part, TREES.has(part) ? cpuMicrosecondsOfTree(pid) : cpuMicroseconds([pid])]))
  return { cpu, ...row!, redisCommands: [...commands.matchAll(COMMAND)].reduce((sum, [, calls]) => sum + Number(calls), 0) }
}
