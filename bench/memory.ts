// Resident memory of the API and the socket server, at rest and after traffic, beside a bare Node.js process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { refreshPersistently, signIn, type HttpClient } from '../system-test/fixtures/http-client.js'
import { startLocalMode, type LocalMode } from '../system-test/fixtures/local-mode.js'

const CLIENTS = 100
const REFRESHES_EACH = 20
const REQUESTS_EACH = 100
const SOCKETS_EACH = 5
const ECHOES_EACH = 20
const SETTLE_MS = 10_000
const AIM_MB = { api: 120, ws: 80 }

const teardowns: Array<() => unknown> = []
try {
  await main()
} finally {
  for (const teardown of teardowns.reverse()) await teardown()
}

async function main (): Promise<void> {
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  teardowns.push(() => bare.kill())
  progress('starting')
  const local = await startLocalMode({ teardown: handler => { teardowns.push(handler!) } }, { BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '100000' })
  await sleep(SETTLE_MS)
  const atRest = memoryOf(local)
  await traffic(local)
  const afterTraffic = memoryOf(local)
  await sleep(SETTLE_MS)
  const settled = memoryOf(local)

  console.log(`Node.js ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}`)
  console.log(`${CLIENTS} sign-ins, ${CLIENTS * REFRESHES_EACH} refreshes, ${CLIENTS * REQUESTS_EACH} requests, ${CLIENTS * SOCKETS_EACH} sockets with ${ECHOES_EACH} echoes and a reauth each`)
  console.table({
    'bare Node.js': { 'at rest, MB': residentMb(bare.pid!) },
    API: { 'at rest, MB': atRest.api, 'after traffic, MB': afterTraffic.api, [`${SETTLE_MS / 1000} s later, MB`]: settled.api, 'aim, MB': AIM_MB.api },
    'socket server': { 'at rest, MB': atRest.ws, 'after traffic, MB': afterTraffic.ws, [`${SETTLE_MS / 1000} s later, MB`]: settled.ws, 'aim, MB': AIM_MB.ws },
    worker: { 'at rest, MB': atRest.worker, 'after traffic, MB': afterTraffic.worker, [`${SETTLE_MS / 1000} s later, MB`]: settled.worker }
  })
}

async function traffic (local: LocalMode): Promise<void> {
  progress('signing in')
  let clients: HttpClient[] = await Promise.all(Array.from({ length: CLIENTS }, () => signIn(local.url)))
  progress('refreshing')
  for (let round = 0; round < REFRESHES_EACH; round++) clients = await Promise.all(clients.map(client => refreshPersistently(local.url, client)))
  progress('requests')
  for (let round = 0; round < REQUESTS_EACH; round++) {
    await Promise.all(clients.map(async ({ accessToken }) => {
      const response = await fetch(`${local.url}/api/protected`, { headers: { authorization: `Bearer ${accessToken}` } })
      await response.text()
    }))
  }
  progress('sockets')
  const sockets = await Promise.all(clients.flatMap(client => Array.from({ length: SOCKETS_EACH }, () => useSocket(local, client))))
  for (const socket of sockets) socket.close()
}

async function useSocket (local: LocalMode, { accessToken }: HttpClient): Promise<WebSocket> {
  const socket = new WebSocket(local.wsUrl, { headers: { authorization: `Bearer ${accessToken}` } })
  const answers = new Promise<void>(resolve => {
    let left = ECHOES_EACH + 2                        // and connected and reauth_success
    socket.on('message', () => { if (--left === 0) resolve() })
  })
  await once(socket, 'open')
  for (let n = 0; n < ECHOES_EACH; n++) socket.send(JSON.stringify({ type: 'echo', payload: { n, text: 'x'.repeat(200) } }))
  socket.send(JSON.stringify({ type: 'reauth', access: accessToken }))
  await answers
  return socket
}

function memoryOf (local: LocalMode): Record<'api' | 'ws' | 'worker', number> {
  return { api: residentMb(local.partPid('api')!), ws: residentMb(local.partPid('ws')!), worker: residentMb(local.partPid('worker')!) }
}

function residentMb (pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024)
}

function progress (what: string): void {
  process.stderr.write(`${what} …\n`)
}
