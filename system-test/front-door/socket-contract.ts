import type { Test } from 'tap'
import { Account } from '../conformance/account.js'
import { playAll, type Case } from '../conformance/runner.js'
import type { FrontDoor } from '../fixtures/front-door.js'
import { doorTarget } from './door-target.js'

/**
 * Holds the front door to sentences of the WebSocket contract, with two fresh accounts.
 * @param limits whether the limits are the default ones; a limit that is not met is then a failure
 */
export async function keepsContract (t: Test, door: FrontDoor, cases: readonly Case[], limits = false): Promise<void> {
  const target = await doorTarget(door)
  const newAccount = async () => {
    const { username, password } = await door.createAccount()
    return new Account(new URL(door.origin), username, password, { host: target.host, ca: door.ca })
  }
  const options = { target, account: await newAccount(), second: await newAccount(), origin: door.origin, limits, only: '' }
  const results = playAll(cases, options)
  for (const [index, { id, sentence }] of cases.entries()) {
    const result = await results[index]!
    t.equal(result.kind, 'passed', `${id} ${sentence}${result.kind === 'passed' ? '' : `: ${result.reason}`}`)
  }
}
