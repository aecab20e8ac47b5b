import { setTimeout as sleep } from 'node:timers/promises'
import { createRabbit, RABBITMQ_MISSING } from '../../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { recordSignIns } from '../events/backlog.js'
import { brokerPid } from '../events/broker.js'
import { startWorker } from '../events/worker-under-test.js'
import { progress } from '../harness/command-line.js'
import type { Teardown } from '../harness/teardown.js'
import { COLLECTED_MS, measureCosts, type Costs } from './costs.js'

const AT_ONCE = 50
const EVERY_MS = 50

/**
 * What the event of a sign-in costs from the outbox to the audit log, through RabbitMQ when it is installed. They come at
 * a steady thousand a second.
 * @param events of each round
 */
export async function measureEvents (t: Teardown, events: number, rounds: number): Promise<Costs[]> {
  const rabbit = RABBITMQ_MISSING ? undefined : await createRabbit(t)
  const { database, pid } = await startWorker(t, rabbit?.url)
  const handled = async () => (await database.admin.query<{ count: number }>('select count(*)::int as count from audit_log')).rows[0]!.count
  const stream = async (count: number): Promise<number> => {
    const expected = await handled() + count
    for (let sent = 0; sent < count; sent += AT_ONCE) {
      await recordSignIns(database, Math.min(AT_ONCE, count - sent))
      await sleep(EVERY_MS)
    }
    await until(async () => await handled() === expected)
    return count
  }
  await stream(AT_ONCE * 10)                          // warms up
  const place = { admin: database.admin, parts: { worker: pid, postgres: database.postmasterPid, ...rabbit === undefined ? {} : { broker: brokerPid(rabbit) } } }
  const costs: Costs[] = []
  for (let round = 1; round <= rounds; round++) {
    progress(`events: round ${round} of ${rounds}`)
    costs.push(await measureCosts(place, () => stream(events), COLLECTED_MS))
  }
  return costs
}
