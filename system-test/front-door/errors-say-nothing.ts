import { randomBytes, randomInt } from 'node:crypto'
import type { FrontDoor } from '../fixtures/front-door.js'
import type { Case } from './case.js'
import { exchange } from './exchange.js'
import { NAUGHTY_STRINGS, refusesNaughtyStrings } from './naughty-strings.js'

/** How many of the list are sent in each place, and how many where each costs the hash of a password. */
const SAMPLE = 12
const HASHED = 3
const RANDOM_BODIES = 40

const processesOf = ({ apis, sockets, worker, nginx }: FrontDoor) => [...apis, ...sockets, worker, nginx].map(({ pid }) => pid)
const isAlive = (pid: number) => process.kill(pid, 0)

/** A different part of the list each time. */
function sample (): string[] {
  const first = randomInt(NAUGHTY_STRINGS.length)
  return Array.from({ length: SAMPLE }, (_, n) => NAUGHTY_STRINGS[(first + n * 21) % NAUGHTY_STRINGS.length]!)
}

/** A body that was JSON before some of its bytes were changed, doubled or cut out. */
function mutate (json: string): Buffer {
  const bytes = Buffer.from(json)
  const at = randomInt(bytes.length)
  switch (randomInt(4)) {
    case 0: return Buffer.concat([bytes.subarray(0, at), randomBytes(1), bytes.subarray(at + 1)])
    case 1: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(0, at), bytes.subarray(at)])
    case 2: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + randomInt(20))])
    default: return Buffer.concat([bytes.subarray(0, at), randomBytes(randomInt(40)), bytes.subarray(at)])
  }
}

export const cases: Case[] = [{
  title: 'naughty strings in every place are refused in form, without a word about the inside; nothing ends',
  ids: ['HT-05'],
  async run (t, door) {
    const before = processesOf(door)
    await refusesNaughtyStrings(t, door, sample(), HASHED)
    t.strictSame(processesOf(door), before)
    t.ok(before.every(isAlive))
  }
}, {
  title: 'bodies with random faults are refused or taken, never answered by 5xx',
  ids: ['HT-05'],
  async run (t, door) {
    const before = processesOf(door)
    for (let round = 0; round < RANDOM_BODIES; round++) {
      const body = mutate('{"everywhere":false,"a":[1,{"b":"\\u00e4"}],"c":null}')
      const head = ['POST /api/logout HTTP/1.1', `Host: ${door.host}`, 'Content-Type: application/json', `Content-Length: ${body.length}`, 'Connection: close', '', ''].join('\r\n')
      const answer = await exchange(door, Buffer.concat([Buffer.from(head), body]))
      t.match(answer, /^HTTP\/1\.1 (?:204|4\d\d) /, body.toString('latin1'))
    }
    t.ok(before.every(isAlive))
  }
}]
