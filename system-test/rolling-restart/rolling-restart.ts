import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { startFrontDoor, type FrontDoor } from '../fixtures/front-door.js'
import { Client } from './client.js'
import { Tally } from './tally.js'

const ALL_BACK_WITHIN_MS = 20_000
/** After this long nginx asks a server again that it could not reach. Who stops the next one sooner leaves it without any. */
const NGINX_ASKS_AGAIN_AFTER_MS = 2000

export interface RollingRestartOptions {
  clients: number
  /** How often each process is restarted. */
  rounds: number
  /** Seconds at least, with pauses between the restarts. */
  seconds: number
  /** Told of each restart. */
  step: (text: string) => void
}

export interface RollingRestartFigures {
  refreshes: number
  failedRefreshes: number
  /** By status; 0: no answer. */
  repeatedRefreshes: Record<string, number>
  calls: number
  failedCalls: Record<string, number>
  socketCloses: Record<string, number>
  reconnects: number
  refusedSockets: number
  /** Clients without a socket in the end. */
  notBack: number
  reconnectMs: { p50: number, p99: number }
  /** Without the wait that the server asked for. */
  beyondWaitMs: { p50: number, p99: number }
  /** Of nginx' log, answers from 500 on: what was asked, and the status of each server that was asked for it. */
  serverErrors: Record<string, number>
  /** Exit codes of the processes that were stopped. */
  exitCodes: Record<string, number>
}

/**
 * Restarts each API and each socket server in turn and reloads nginx meanwhile, while clients refresh on kept connections
 * and hold sockets, and counts what they have met.
 */
export async function runRollingRestart (t: Pick<Test, 'teardown'>, { clients: count, rounds, seconds, step }: RollingRestartOptions): Promise<RollingRestartFigures> {
  const door = await startFrontDoor(t, { env: { DRAIN_NOTICE: '1s', WS_DRAIN_NOTICE: '1s' } })
  const tally = new Tally()
  const clients: Client[] = []
  for (let n = 0; n < count; n++) clients.push(new Client(door, await door.signIn(), tally))
  t.teardown(() => Promise.all(clients.map(client => client.stop())))
  await Promise.all(clients.map(client => client.start()))

  const exitCodes = await restartAll(door, rounds, seconds * 1000 / (rounds * (door.apis.length + door.sockets.length)), step)
  const deadline = performance.now() + ALL_BACK_WITHIN_MS
  while (performance.now() < deadline && !clients.every(({ hasSocket }) => hasSocket)) await sleep(50)
  const notBack = clients.filter(({ hasSocket }) => !hasSocket).length
  await Promise.all(clients.map(client => client.stop()))
  return {
    refreshes: tally.refreshes,
    failedRefreshes: tally.failedRefreshes,
    repeatedRefreshes: Object.fromEntries(tally.repeated),
    calls: tally.calls,
    failedCalls: Object.fromEntries(tally.failedCalls),
    socketCloses: Object.fromEntries(tally.closes),
    reconnects: tally.reconnectMs.length,
    refusedSockets: tally.refusedSockets,
    notBack,
    reconnectMs: percentiles(tally.reconnectMs),
    beyondWaitMs: percentiles(tally.beyondWaitMs),
    serverErrors: Object.fromEntries(countServerErrors(door)),
    exitCodes: Object.fromEntries(exitCodes)
  }
}

async function restartAll ({ apis, sockets, nginx }: FrontDoor, rounds: number, everyMs: number, step: (text: string) => void): Promise<Map<string, number>> {
  const exitCodes = new Map<string, number>()
  for (let round = 1; round <= rounds; round++) {
    for (const [name, parts] of [['API', apis], ['socket server', sockets]] as const) {
      for (const [index, part] of parts.entries()) {
        const startedAt = performance.now()
        step(`round ${round}: ${name} ${index + 1}`)
        Tally.count(exitCodes, String(await part.stop()))
        await nginx.reload()
        await part.restart()
        await sleep(Math.max(NGINX_ASKS_AGAIN_AFTER_MS, startedAt + everyMs - performance.now()))
      }
    }
  }
  return exitCodes
}

function countServerErrors ({ nginx }: FrontDoor): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { status, method, path, upstreamStatus } of nginx.accessLog()) if (Number(status) >= 500) Tally.count(counts, `${method} ${path}: ${upstreamStatus}`)
  return counts
}

function percentiles (values: number[]): { p50: number, p99: number } {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
  return { p50: at(0.5), p99: at(0.99) }
}
