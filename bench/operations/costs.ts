import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { TestRedis } from '../../packages/auth-contract/test/fixtures/redis-server.js'
import { processTree } from '../../system-test/fixtures/process-tree.js'
import { threadTimesOf, timeBetween, type ThreadTimes } from './thread-times.js'

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

interface State { cpu: Array<[string, ThreadTimes]>, wal: number, transactions: number, redisCommands: number }

const TREES: ReadonlySet<string> = new Set<Part>(['postgres', 'broker'])
const COMMAND = /^cmdstat_(?:evalsha|eval|publish|set|get|del):calls=(\d+)/gm
/** What is collected for a second, such as presence and confirmed generations, is written within it. */
export const COLLECTED_MS = 1200

/**
 * Does something and divides what that took by how often it was done. What the parts do by themselves meanwhile is in
 * it; what processes do that end meanwhile is not.
 * @param work @returns how often
 * @param settleMs of rest that belong to it
 */
export async function measureCosts (place: Place, work: () => Promise<number>, settleMs = 0): Promise<Costs> {
  const before = await readState(place)
  const done = await work()
  await sleep(settleMs)
  const after = await readState(place)
  const cpu = Object.fromEntries(after.cpu.map(([part, times], n) => [part, timeBetween(before.cpu[n]![1], times) / done]))
  return {
    cpu,
    walBytes: (after.wal - before.wal) / done,
    commits: (after.transactions - before.transactions) / done,
    redisCommands: (after.redisCommands - before.redisCommands) / done
  }
}

/** Of batches of one size. */
export function meanCosts (batches: readonly Costs[]): Costs {
  const mean = (of: (costs: Costs) => number) => batches.reduce((sum, costs) => sum + of(costs), 0) / batches.length
  return {
    cpu: Object.fromEntries(Object.keys(batches[0]!.cpu).map(part => [part, mean(({ cpu }) => cpu[part as Part]!)])),
    walBytes: mean(({ walBytes }) => walBytes),
    commits: mean(({ commits }) => commits),
    redisCommands: mean(({ redisCommands }) => redisCommands)
  }
}

async function readState ({ admin, parts, redis }: Place): Promise<State> {
  // A transaction gets its number when it writes; asking for one would use one up.
  const { rows: [row] } = await admin.query<{ wal: number, transactions: number }>(
    "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as wal, pg_snapshot_xmax(pg_current_snapshot())::text::float8 as transactions")
  const commands = redis === undefined ? '' : String(await redis.command('info', 'commandstats'))
  const cpu = Object.entries(parts).map(([part, pid]): [string, ThreadTimes] => [part, threadTimesOf(TREES.has(part) ? processTree(pid).map(({ pid }) => pid) : [pid])])
  return { cpu, ...row!, redisCommands: [...commands.matchAll(COMMAND)].reduce((sum, [, calls]) => sum + Number(calls), 0) }
}
