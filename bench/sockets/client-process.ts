// A client process: does what the bench asks of it, one thing at a time, and ends with it.
import { connectFor } from './connect-load.js'
import { Crowd, type ClosedListener, type Closes, type CrowdOptions } from './crowd.js'
import type { DialectName } from './dialects.js'
import { echoFor, probe, type EchoLoad, type EchoLoadResult, type ProbeResult } from './echo-load.js'
import { verifyAlone } from './verify-alone.js'

let options: CrowdOptions
let crowd: Crowd
let probing: { stop: AbortController, result: Promise<ProbeResult> } | undefined

/** What a client process can be asked. Arguments and answers travel as JSON. */
export interface ClientCommands {
  /** Becomes a crowd of its own; what it was before is cut. */
  prepare: (options: CrowdOptions) => Promise<void>
  mint: (wanted: { count: number, generation: number }) => void
  open: (count: number) => Promise<number>
  reauth: (generation: number) => Promise<number>
  closes: () => Closes
  untilClosed: (count: number) => Promise<Closes>
  /** The next close of any socket. */
  nextClose: () => Promise<{ index: number, code: number, at: number }>
  reset: () => void
  /** With the access tokens that were minted. */
  connectFor: (load: { port: number, dialect: DialectName, milliseconds: number }) => Promise<number>
  echoFor: (load: EchoLoad) => Promise<EchoLoadResult>
  startProbe: (everyMs: number) => void
  endProbe: () => Promise<ProbeResult>
  /** CPU microseconds that `crypto.verify` alone takes for one access token of these generations. */
  verifyAlone: (generations: { from: number, to: number }) => number
}

const commands: ClientCommands = {
  async prepare (wanted) {
    crowd?.reset()
    options = wanted
    crowd = await Crowd.create(wanted)
  },
  mint: ({ count, generation }) => { crowd.tokens(count, generation, progress) },
  open: count => crowd.open(count, progress),
  reauth: generation => crowd.reauth(generation),
  closes: () => crowd.closes(),
  untilClosed: count => crowd.untilClosed(count),
  nextClose: () => new Promise(resolve => {
    const listener: ClosedListener = (index, code, at) => {
      crowd.onClosed = () => {}
      resolve({ index, code, at })
    }
    crowd.onClosed = listener
  }),
  reset: () => crowd.reset(),
  connectFor: ({ port, dialect, milliseconds }) => connectFor(milliseconds, { port, dialect, addresses: options.addresses, tokens: crowd.tokens(0) }),
  echoFor: load => echoFor(load, crowd),
  startProbe (everyMs) {
    const stop = new AbortController()
    probing = { stop, result: probe(everyMs, crowd, stop.signal) }
  },
  async endProbe () {
    probing!.stop.abort()
    return await probing!.result
  },
  verifyAlone ({ from, to }) {
    const tokens = Array.from({ length: to - from }, (_, i) => crowd.tokens(0, from + i)).flat()
    return verifyAlone(tokens, options.keys)
  }
}

process.on('message', async ({ name, argument }: { name: keyof ClientCommands, argument: never }) => {
  try {
    process.send!({ answer: await commands[name](argument) })
  } catch (err) {
    process.send!({ failure: (err as Error).message })
  }
})
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})                        // a terminal sends it to all; the bench says when to end

function progress (done: number): void {
  process.send!({ progress: done })
}
