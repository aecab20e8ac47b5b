import { randomInt } from 'node:crypto'
import { MALFORMED } from '../conformance/cases/malformed.js'
import { MESSAGES } from '../conformance/cases/messages.js'
import { ROBUSTNESS } from '../conformance/cases/robustness.js'
import { handshake } from '../conformance/raw-client.js'
import { connectBare, reset } from '../conformance/target.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Case } from './case.js'
import { doorTarget } from './door-target.js'
import { inParallel } from './in-parallel.js'
import { NAUGHTY_STRINGS } from './naughty-strings.js'
import { keepsContract } from './socket-contract.js'

const RESETS = 500
const RESETS_AT_ONCE = 25
const NAUGHTY_FRAMES = 60

/** Socket servers that are there at the end are those of the beginning. */
async function survive (door: FrontDoor, harm: () => Promise<void>): Promise<boolean> {
  const starts = () => door.sockets.map(({ pid, output }) => `${pid} ${output().split('"msg":"listening"').length}`).join()
  const before = starts()
  await harm()
  const { accessToken } = await door.signIn()
  // One for each server.
  const sockets = await Promise.all(door.sockets.map(() => door.connect({ headers: { authorization: `Bearer ${accessToken}` } })))
  for (const socket of sockets) {
    socket.say({ type: 'echo', id: 'alive', payload: {} })
    await socket.answer('alive')
  }
  for (const socket of sockets) await socket.leave()
  return starts() === before
}

/**
 * Opens handshakes through nginx and resets each: a third of them after some of their bytes, the others while the server
 * verifies the access token, or has just accepted it.
 */
export async function resetHandshakes (door: FrontDoor, count: number): Promise<void> {
  const target = await doorTarget(door)
  const { accessToken } = await door.signIn()
  const whole = [`Bearer ${accessToken}`, 'Bearer bad'].map(value => handshake({ host: door.host, add: [['Authorization', value]] }))
  await inParallel(RESETS_AT_ONCE, Array.from({ length: count }, (_, n) => n), async n => {
    const bytes = whole[n % 2]!
    const socket = await connectBare(target, undefined)
    const closed = new Promise(resolve => socket.once('close', resolve))
    await new Promise(resolve => socket.write(n % 3 === 0 ? bytes.slice(0, randomInt(bytes.length)) : bytes, resolve))
    if (n % 4 === 0) await new Promise(resolve => setTimeout(resolve, randomInt(10)))
    reset(socket)
    await closed
  })
}

export const cases: Case[] = [{
  title: 'malformed messages are errors, and the fifth in a minute a close; names of prototypes are data, types are the known ones alone',
  ids: ['WS-09'],
  run: (t, door) => keepsContract(t, door, [...MALFORMED, ...MESSAGES])
}, {
  title: 'naughty strings as frames, types and access tokens are errors; as data they come back',
  ids: ['WS-09'],
  async run (t, door) {
    const texts = Array.from({ length: NAUGHTY_FRAMES }, (_, n) => NAUGHTY_STRINGS[n * 8 % NAUGHTY_STRINGS.length]!)
    const { accessToken } = await door.signIn()
    const open = async () => await door.connect({ headers: { authorization: `Bearer ${accessToken}` } })
    t.ok(await survive(door, async () => {
      await inParallel(4, texts, async text => {
        const socket = await open()
        socket.say({ type: 'echo', id: 'data', payload: { text, [text]: text } })
        t.equal((await socket.answer('data')).payload['text'], text)
        socket.say({ type: text || 'x', id: 'type' })
        t.match(await socket.answer('type'), { type: 'error', payload: { code: 'invalid_request' } })
        socket.say({ type: 'reauth', id: 'reauth', access: text })
        t.match(await socket.answer('reauth'), { type: 'error', payload: { code: /^invalid_(token|request)$/ } })
        const before = socket.frames.length
        socket.socket.send(text)
        t.match(await socket.frame('error', before), { payload: { code: 'invalid_request' } }, `string ${NAUGHTY_STRINGS.indexOf(text)}`)
        await socket.leave()
      })
    }), 'both servers are the ones of before')
  }
}, {
  title: 'nobody can listen to anybody: there is no subscribing, and what one sends goes to oneself',
  ids: ['WS-09'],
  async run (t, door) {
    const [ada, eve] = [await door.signIn(), await door.signIn()]
    const [victim, spy] = await Promise.all([ada, eve].map(({ accessToken }) => door.connect({ headers: { authorization: `Bearer ${accessToken}` } })))
    for (const type of ['subscribe', 'join', 'publish', 'session_revoked', 'connected']) {
      const socket = await door.connect({ headers: { authorization: `Bearer ${eve.accessToken}` } })
      socket.say({ type, id: type, topic: ada.body.session.id, payload: { topic: ada.body.user.id, userId: ada.body.user.id } })
      t.match(await socket.answer(type), { type: 'error', payload: { code: 'invalid_request' } })
      await socket.leave()
    }
    victim!.say({ type: 'echo', id: 'mine', payload: { userId: eve.body.user.id, text: 'to nobody else' } })
    await victim!.answer('mine')
    spy!.say({ type: 'ping', id: 'end' })
    await spy!.answer('end')
    t.strictSame(spy!.frames.map(({ type }) => type), ['connected', 'pong'])
    t.strictSame(victim!.frames.map(({ type }) => type), ['connected', 'echo'])
    await Promise.all([victim!.leave(), spy!.leave()])
  }
}, {
  title: 'garbage, half frames, bombs and resets harm nobody else',
  ids: ['WS-06', 'WS-07', 'WS-08', 'WS-10'],
  async run (t, door) {
    t.ok(await survive(door, () => keepsContract(t, door, ROBUSTNESS.filter(({ lane }) => lane !== 'slow'))), 'both servers are the ones of before')
  }
}, {
  title: `${RESETS} upgrades that are reset in mid-handshake, or while they are verified, end nothing`,
  ids: ['WS-10'],
  async run (t, door) {
    t.ok(await survive(door, () => resetHandshakes(door, RESETS)), 'both servers are the ones of before')
  }
}]
