import { endOf } from '../account.js'
import { Unexpected, contains, holds, same } from '../expect.js'
import { inGroup } from '../runner.js'
import { pause, pauseUntil } from '../waiting.js'

/** From one end of a short life to what follows it: the life, the grace, and a busy machine. */
const LIFE_MS = 50_000

export const EXPIRY = inGroup('EXPIRY', [
  {
    sentence: 'token_expiring comes once and before the end, and says when that is',
    lane: 'slow',
    async play (scene) {
      const { access } = await scene.signInForShort()
      const client = await scene.connect({ access })
      const { payload } = await client.type('token_expiring', { withinMs: LIFE_MS })
      same('expiresAt', payload['expiresAt'], new Date(endOf(access)).toISOString())
      holds(typeof payload['expiresInMs'] === 'number' && payload['expiresInMs'] > 0, 'expiresInMs above 0', payload)
      await client.closesWith(4419, LIFE_MS)
      same('the warnings', client.frames.filter(({ type }) => type === 'token_expiring').length, 1)
    }
  },
  {
    sentence: 'a socket without reauth closes with 4419, after the end of its access token',
    lane: 'slow',
    async play (scene) {
      const { access } = await scene.signInForShort()
      const client = await scene.connect({ access })
      await client.closesWith(4419, LIFE_MS)
      holds(Date.now() >= endOf(access), 'a close after the end', `${endOf(access) - Date.now()} ms before`)
    }
  },
  {
    sentence: 'the grace has no authority: messages are answered with error token_expired, retryable, and are not executed; ping is answered',
    lane: 'slow',
    async play (scene) {
      const { access } = await scene.signInForShort()
      const client = await scene.connect({ access })
      await pauseUntil(endOf(access))
      for (const type of ['echo', 'bye', 'echo']) {
        contains('the answer', await client.ask({ type, payload: {} }), { type: 'error', payload: { code: 'token_expired', retryable: true, fatal: false } })
      }
      same('the type', (await client.ask({ type: 'ping' })).type, 'pong')
      same('echoes', client.frames.filter(({ type }) => type === 'echo').length, 0)
    }
  },
  {
    sentence: 'a reauth in the grace brings the authority back, with everything that follows in the same segment',
    lane: 'slow',
    async play (scene) {
      const session = await scene.signInForShort()
      const client = await scene.connect({ access: session.access })
      await pauseUntil(endOf(session.access))
      await client.askError({ type: 'echo', payload: {} }, 'token_expired')
      const access = await session.refresh()
      client.say({ type: 'reauth', id: 'reauth', access }, { type: 'echo', id: 'echo', payload: { n: 1 } })
      contains('the answer', await client.answer('reauth'), { type: 'reauth_success', payload: { expiresAt: new Date(endOf(access)).toISOString() } })
      same('the type', (await client.answer('echo')).type, 'echo')
    }
  },
  {
    sentence: 'a reauth after the warning extends the socket beyond its first access token, and the next one is warned of again',
    lane: 'slow',
    async play (scene) {
      const session = await scene.signInForShort()
      const first = endOf(session.access)
      const client = await scene.connect({ access: session.access })
      await client.type('token_expiring', { withinMs: LIFE_MS })
      const from = client.frames.length
      contains('the answer', await client.ask({ type: 'reauth', access: await session.refresh() }), { type: 'reauth_success' })
      await pauseUntil(first)
      await client.works()
      await client.type('token_expiring', { from, withinMs: LIFE_MS })
    }
  },
  {
    sentence: 'a reauth with an expired access token: error token_expired, retryable, and the socket goes on',
    lane: 'slow',
    async play (scene) {
      const session = await scene.signInForShort()
      const expired = session.access
      await pauseUntil(endOf(expired))
      const client = await scene.connect({ access: await session.refresh() })
      const { payload } = await client.askError({ type: 'reauth', access: expired }, 'token_expired')
      same('retryable', payload['retryable'], true)
      await client.works()
    }
  },
  {
    sentence: 'a socket that was authenticated by a message ends with its access token too',
    lane: 'slow',
    async play (scene) {
      const { access } = await scene.signInForShort()
      const client = await scene.anonymous()
      contains('the answer', await client.ask({ type: 'auth', access }), { type: 'connected' })
      await client.closesWith(4419, LIFE_MS)
    }
  },
  {
    sentence: 'an auth message with an expired access token: error token_expired with fatal: true, then 4419',
    lane: 'slow',
    async play (scene) {
      const { access } = await scene.signInForShort()
      await pauseUntil(endOf(access))
      const client = await scene.anonymous()
      client.say({ type: 'auth', access })
      await client.failsWith('token_expired', 4419)
    }
  },
  {
    sentence: 'of echoes sent across the end none after the first refusal is executed',
    lane: 'slow',
    async play (scene) {
      const { access } = await scene.signInForShort()
      const client = await scene.connect({ access })
      await pause(endOf(access) - Date.now() - 1000)
      for (let n = 0; n < 30; n++) {
        client.say({ type: 'echo', id: `across-${n}`, payload: { n } })
        await pause(80)
      }
      const answers = client.frames.filter(({ id }) => id?.startsWith('across-'))
      const refused = answers.findIndex(({ type }) => type === 'error')
      if (refused === -1) throw new Unexpected('an error token_expired', 'echoes only')
      same('echoes after the first refusal', answers.slice(refused).filter(({ type }) => type === 'echo').length, 0)
    }
  },
  {
    sentence: 'an answer 4419 leads back: refresh, then a new socket',
    lane: 'slow',
    async play (scene) {
      const session = await scene.signInForShort()
      await (await scene.connect({ access: session.access })).closesWith(4419, LIFE_MS)
      await (await scene.connect({ access: await session.refresh() })).works()
    }
  }
])
