// A client process: does what the bench asks of it, one thing at a time, and ends with it.
import { performance } from 'node:perf_hooks'
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connectFor } from './connect-load.js'
import { Crowd, type ClosedListener, type Closes, type CrowdOptions } from './crowd.js'
import { echoFor, probe, type EchoLoadResult, type ProbeResult } from './echo-load.js'

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
  connectFor: (milliseconds: number) => Promise<number>
  echoFor: (milliseconds: number) => Promise<EchoLoadResult>
  startProbe: (everyMs: number) => void
  endProbe: () => Promise<ProbeResult>
  /** CPU microseconds that `crypto.verify` alone takes for one access token of this generation. */
  verifyAlone: (generation: number) => number
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
  connectFor: milliseconds => connectFor(milliseconds, { port: options.ports[0]!, dialect: options.dialect, addresses: options.addresses, tokens: crowd.tokens(0) }),
  echoFor: milliseconds => echoFor(milliseconds, crowd),
  startProbe (everyMs) {
    const stop = new AbortController()
    probing = { stop, result: probe(everyMs, crowd, stop.signal) }
  },
  async endProbe () {
    probing!.stop.abort()
    return await probing!.result
  },
  verifyAlone (generation) {
    const tokens = crowd.tokens(0, generation)
    const key = createPublicKey(readFileSync(options.keys.publicPath))
    const before = process.cpuUsage()
    for (const token of tokens) {
      const end = token.lastIndexOf('.')
      if (!verify('RSA-SHA256', Buffer.from(token.slice(0, end)), key, Buffer.from(token.slice(end + 1), 'base64url'))) throw new Error('an access token does not verify')
    }
    const { user, system } = process.cpuUsage(before)
    return (user + system) / tokens.length
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
  process.send!({ progress: done, at: performance.now() })
}
