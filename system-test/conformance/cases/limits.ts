import { Skip, Unexpected, contains, holds, same } from '../expect.js'
import { inGroup } from '../runner.js'
import type { OpenOptions, Scene } from '../scene.js'
import { pause } from '../waiting.js'

const MESSAGE_BYTES = 16_384
const MESSAGES_AT_ONCE = 40
const REAUTHS_AT_ONCE = 3
const SOCKETS_PER_USER = 20
const SOCKETS_PER_ADDRESS = 200
const CONNECTS_AT_ONCE = 50
const CONNECT_EVERY_MS = 56
const FAILED_AUTHENTICATIONS = 10
/** After this long the first of many sockets that say nothing is closed. */
const SILENCE_MS = 10_000

/** What a case does when a limit is not met: a fault by `--limits`, otherwise the server's own choice. */
function unlimited (scene: Scene, what: string): never {
  if (scene.options.limits) throw new Unexpected(what, 'nothing of the kind')
  throw new Skip('the server does not limit this at the default; --limits makes it a failure')
}

/** Limits per address can only be met from an address that nobody else needs. */
function ownAddress (scene: Scene): void {
  if (scene.source === undefined) throw new Skip('every case would suffer: needs addresses of its own, which only a server on this machine sees')
}

/** An echo of exactly so many bytes. */
function echoOf (bytes: number, filler = 'x'): string {
  const head = '{"type":"echo","id":"sized","payload":{"t":"'
  const text = head + filler.repeat(Math.floor((bytes - head.length - 3) / Buffer.byteLength(filler)))
  return text + 'x'.repeat(bytes - 3 - Buffer.byteLength(text)) + '"}}'
}

const isTooBig = (what: string, text: string) => ({
  sentence: `${what}: error payload_too_large with fatal: true, then 1009`,
  async play (scene: Scene) {
    const client = await scene.member()
    client.socket.send(text)
    await client.failsWith('payload_too_large', 1009)
    same('an echo', client.frames.find(({ type }) => type === 'echo'), undefined)
  }
})

/** Opens sockets one after the other until one is refused with 429. @returns how many were opened; undefined when all were */
async function openUntilLimited (scene: Scene, count: number, options: OpenOptions, everyMs = 0): Promise<number | undefined> {
  for (let opened = 0; opened < count; opened++) {
    const opening = await scene.open(options)
    if (opening.kind === 'refused') {
      same('the status', opening.answer.status, 429)
      same('the code', opening.answer.body['code'], 'rate_limited')
      holds(Number(opening.answer.headers['retry-after']) > 0, 'Retry-After', opening.answer.headers['retry-after'])
      return opened
    }
    await pause(everyMs)
  }
  return undefined
}

/** Shows bad access tokens until the address is limited. @returns how many were looked at */
async function failUntilLimited (scene: Scene): Promise<number | undefined> {
  for (let count = 0; count < FAILED_AUTHENTICATIONS * 2; count++) {
    const opening = await scene.open({ access: 'bad' })
    if (opening.kind === 'open') throw new Unexpected('HTTP 401 or 429', 'an open socket')
    if (opening.answer.status === 429) return count
    same('the status', opening.answer.status, 401)
  }
  return undefined
}

export const LIMITS = inGroup('LIMIT', [
  {
    sentence: 'a message of 16,384 bytes is answered',
    async play (scene) {
      const client = await scene.member()
      client.socket.send(echoOf(MESSAGE_BYTES))
      same('the type', (await client.answer('sized')).type, 'echo')
    }
  },
  {
    sentence: 'bytes count, not characters: 16,384 bytes of three-byte characters are answered',
    async play (scene) {
      const client = await scene.member()
      client.socket.send(echoOf(MESSAGE_BYTES, '田'))
      same('the type', (await client.answer('sized')).type, 'echo')
    }
  },
  isTooBig('a message of 16,385 bytes', echoOf(MESSAGE_BYTES + 1)),
  isTooBig('a message of 16,385 bytes and fewer characters', echoOf(MESSAGE_BYTES + 1, '田')),
  isTooBig('a message of 30,000 bytes', echoOf(30_000)),
  {
    sentence: 'a message of 10 MB ends the connection, and no other',
    async play (scene) {
      const [client, witness] = [await scene.member(), await scene.member()]
      client.socket.send('x'.repeat(10_000_000))
      const { code } = await client.closed()
      holds(code === 1009 || code === 1006, 'close code 1009, or a cut connection', code)
      await witness.works()
    }
  },
  {
    sentence: 'messages beyond the burst are answered with error rate_limited, retryable, and the socket goes on after a pause',
    async play (scene) {
      const client = await scene.member()
      client.say(...Array.from({ length: MESSAGES_AT_ONCE * 2 }, (_, n) => ({ type: 'echo', id: `burst-${n}`, payload: { n } })))
      await client.answer(`burst-${MESSAGES_AT_ONCE * 2 - 1}`)
      const refused = client.frames.find(({ type }) => type === 'error')
      if (refused === undefined) unlimited(scene, 'an error rate_limited')
      contains('the refusal', refused, { payload: { code: 'rate_limited', retryable: true, fatal: false } })
      const echoed = client.frames.filter(({ type }) => type === 'echo').length
      holds(echoed >= MESSAGES_AT_ONCE, `at least ${MESSAGES_AT_ONCE} echoes`, echoed)
      await pause(1000)
      await client.works()
    }
  },
  {
    sentence: 'messages beyond the rate for more than three seconds: error rate_limited with fatal: true, then 4429',
    lane: 'slow',
    async play (scene) {
      const client = await scene.member()
      for (let round = 0; round < 60 && client.closing === undefined; round++) {
        client.say(...Array.from({ length: MESSAGES_AT_ONCE }, () => ({ type: 'ping' })))
        await pause(100)
      }
      if (client.closing === undefined && !client.frames.some(({ type }) => type === 'error')) unlimited(scene, 'close code 4429')
      await client.failsWith('rate_limited', 4429)
    }
  },
  {
    sentence: 'reauths beyond three at once are answered with error rate_limited, and the socket goes on',
    async play (scene) {
      const access = await scene.access()
      const client = await scene.connect({ access })
      for (let count = 0; count < REAUTHS_AT_ONCE; count++) same('the type', (await client.ask({ type: 'reauth', access })).type, 'reauth_success')
      const answer = await client.ask({ type: 'reauth', access })
      if (answer.type === 'reauth_success') unlimited(scene, 'an error rate_limited')
      contains('the answer', answer, { type: 'error', payload: { code: 'rate_limited', retryable: true, fatal: false } })
      await client.works()
    }
  },
  {
    sentence: 'new sockets from one address beyond the burst: 429, and 4429 to a page; a second later one opens again',
    lane: 'alone',
    async play (scene) {
      ownAddress(scene)
      const openings = await Promise.all(Array.from({ length: CONNECTS_AT_ONCE * 2 }, () => scene.open()))
      const refused = openings.filter(opening => opening.kind === 'refused')
      if (refused.length === 0) unlimited(scene, 'HTTP 429')
      for (const { answer } of refused) contains('the answer', answer, { status: 429, body: { code: 'rate_limited' } })
      holds(openings.length - refused.length >= CONNECTS_AT_ONCE, `${CONNECTS_AT_ONCE} open sockets`, openings.length - refused.length)
      const pages = await Promise.all(Array.from({ length: CONNECTS_AT_ONCE }, () => scene.open({ origin: scene.options.origin })))
      const closings = await Promise.all(pages.map(async opening => {
        if (opening.kind === 'refused') throw new Unexpected('an open socket', `HTTP ${opening.answer.status}`)
        return await Promise.race([opening.client.closed().then(({ code }) => code), opening.client.type('connected').then(() => undefined, () => undefined)])
      }))
      holds(closings.includes(4429), 'close code 4429', closings)
      await pause(1000)
      await scene.anonymous()
    }
  },
  {
    sentence: 'ten failed authentications from one address: 429 and 4429 to a page, for good access tokens and on open sockets too',
    lane: 'alone',
    async play (scene) {
      ownAddress(scene)
      const access = await scene.access()
      const [authenticated, anonymous] = [await scene.connect({ access }), await scene.anonymous()]
      const failed = await failUntilLimited(scene)
      if (failed === undefined) unlimited(scene, 'HTTP 429')
      same('the failures before it', failed, FAILED_AUTHENTICATIONS)
      await scene.refusal(429, 'rate_limited', { access })
      await scene.pageRefusal(4429, { access })
      anonymous.say({ type: 'auth', access, id: 'auth' })
      await anonymous.failsWith('rate_limited', 4429)
      await authenticated.works()
      scene.moveToNewSource()
      await scene.connect({ access })
    }
  },
  {
    sentence: 'failed authentications by messages count as those at the opening do',
    lane: 'alone',
    async play (scene) {
      ownAddress(scene)
      const access = await scene.access()
      for (let count = 0; count < FAILED_AUTHENTICATIONS; count++) {
        const client = await scene.anonymous()
        client.say({ type: 'auth', access: 'bad' })
        await client.failsWith('invalid_token', 4401)
      }
      const opening = await scene.open({ access })
      if (opening.kind === 'open') unlimited(scene, 'HTTP 429')
      same('the status', opening.answer.status, 429)
    }
  },
  {
    sentence: 'the twenty-first socket of one user: 429, 4430 to a page; when one closes another opens',
    lane: 'alone',
    async play (scene) {
      const access = await scene.access()
      const first = await scene.connect({ access })
      const opened = await openUntilLimited(scene, SOCKETS_PER_USER, { access })
      if (opened === undefined) unlimited(scene, 'HTTP 429')
      same('the sockets before it', opened + 1, SOCKETS_PER_USER)
      await scene.pageRefusal(4430, { access })
      await first.leave()
      await (await scene.connect({ access })).works()
    }
  },
  {
    sentence: 'the twenty-first socket of one user by an auth message: error with fatal: true, then 4430',
    lane: 'alone',
    async play (scene) {
      const access = await scene.access()
      const opened = await openUntilLimited(scene, SOCKETS_PER_USER + 1, { access })
      if (opened === undefined) unlimited(scene, 'HTTP 429')
      const client = await scene.anonymous()
      client.say({ type: 'auth', access })
      await client.closesWith(4430)
      contains('the last frame', client.frames.at(-1), { type: 'error', payload: { fatal: true } })
    }
  },
  {
    sentence: 'the 201st socket from one address: 429, and 4430 to a page; other addresses are served',
    lane: 'alone',
    async play (scene) {
      ownAddress(scene)
      const openAll = async (triesLeft: number): Promise<number | undefined> => {
        const begun = performance.now()
        await openUntilLimited(scene, CONNECTS_AT_ONCE - 10, {})
        const opened = await openUntilLimited(scene, SOCKETS_PER_ADDRESS - CONNECTS_AT_ONCE + 10 + 1, {}, CONNECT_EVERY_MS)
        // On a busy machine the first have been closed for their silence before the last came.
        if (opened !== undefined || triesLeft === 0 || performance.now() - begun < SILENCE_MS) return opened
        scene.moveToNewSource()
        return await openAll(triesLeft - 1)
      }
      const opened = await openAll(3)
      if (opened === undefined) unlimited(scene, 'HTTP 429')
      same('the sockets before it', opened + CONNECTS_AT_ONCE - 10, SOCKETS_PER_ADDRESS)
      await scene.pageRefusal(4430, {})
      scene.moveToNewSource()
      await scene.anonymous()
    }
  }
])
