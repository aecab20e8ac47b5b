import { setTimeout as sleep } from 'node:timers/promises'
import { sharedClock, type Crowd } from './crowd.js'
import { encodeTextFrame } from './lean-client.js'

export interface EchoLoadResult {
  answered: number
  /** Milliseconds each, sorted. */
  latencies: number[]
}

export interface EchoLoad {
  milliseconds: number
  /** Between an answer and the next message; none for as much load as there can be. */
  pauseMs?: number
}

/**
 * Keeps one message in flight on each socket of a crowd.
 * @throws {Error} when a socket closes or is answered with something else
 */
export async function echoFor ({ milliseconds, pauseMs = 0 }: EchoLoad, crowd: Crowd): Promise<EchoLoadResult> {
  const frame = encodeTextFrame(crowd.dialect.echo)
  const end = performance.now() + milliseconds
  const sentAt = new Float64Array(crowd.sockets.length)
  const latencies: number[] = []
  let waiting = crowd.sockets.length
  const send = (index: number) => {
    sentAt[index] = performance.now()
    crowd.sockets[index]?.sendFrame(frame)
  }
  await new Promise<void>((resolve, reject) => {
    crowd.onClosed = (_, code) => reject(new Error(`a socket closed with ${code} between echoes`))
    crowd.onMessage = (text, index) => {
      if (text.length !== crowd.dialect.echo.length) return reject(new Error(`not an echo: ${text.slice(0, 200)}`))
      const now = performance.now()
      latencies.push(now - sentAt[index]!)
      if (now >= end) {
        waiting -= 1
        if (waiting === 0) resolve()
        return
      }
      if (pauseMs === 0) send(index)
      else setTimeout(send, pauseMs, index)
    }
    for (const index of crowd.sockets.keys()) send(index)
  }).finally(() => quieten(crowd))
  return { answered: latencies.length, latencies: latencies.sort((a, b) => a - b) }
}

export interface ProbeResult {
  sent: number
  /** Longest time from when a message was due until its answer, in milliseconds. */
  longestMs: number
  /** The same for the median message: what an answer takes when nothing is in its way. */
  medianMs: number
}

/**
 * Sends an echo on the crowd's first socket every so many milliseconds until `signal` is aborted. Latency counts from when the message was due, so
 * that a stall is seen whole, whoever stalls.
 */
export async function probe (everyMs: number, crowd: Crowd, signal: AbortSignal): Promise<ProbeResult> {
  const frame = encodeTextFrame(crowd.dialect.echo)
  const due: number[] = []
  const latencies: number[] = []
  crowd.onMessage = () => { latencies.push(sharedClock() - due[latencies.length]!) }
  const start = sharedClock()
  while (!signal.aborted) {
    const next = start + due.length * everyMs
    const wait = next - sharedClock()
    if (wait > 0) await sleep(Math.ceil(wait))         // a timer may be early by a part of a millisecond
    due.push(next)
    crowd.sockets[0]!.sendFrame(frame)
  }
  while (latencies.length < due.length && crowd.sockets[0]?.isOpen) await sleep(1)
  quieten(crowd)
  const sorted = latencies.sort((a, b) => a - b)
  return { sent: due.length, longestMs: sorted.at(-1) ?? Infinity, medianMs: sorted[Math.floor(sorted.length / 2)] ?? Infinity }
}

function quieten (crowd: Crowd): void {
  crowd.onMessage = () => {}
  crowd.onClosed = () => {}
}
