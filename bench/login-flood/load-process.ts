// The clients: an open loop. A request that is late because this process is busy counts from when it was due.
import { Agent } from 'node:http'
import { PASSWORD, USERS } from '../harness/api-under-test.js'
import { ask, type Answer } from '../harness/ask.js'
import type { Answers, Rates } from './load.js'

const TICK_MS = 5
const SESSIONS = 40
/** Share of the time in which the queue fills and its first hashes end: logins that are accepted then do not count. */
const LEAD_IN = 0.25
const url = process.argv[2]!
const agent = new Agent({ keepAlive: true, maxSockets: 512 })

interface Client { cookie: string, accessToken: string, isBusy: boolean }

let nextUser = 0
const clients: Client[] = []
process.on('message', async (message: { prepare: true } | { rates: Rates, seconds: number }) => {
  process.send!('prepare' in message ? await prepare() : await run(message.rates, message.seconds))
})
process.on('disconnect', () => process.exit())

async function prepare (): Promise<string> {
  while (clients.length < SESSIONS) {
    const answer = await logIn()
    if (answer.status === 200) clients.push({ ...heldBy(answer), isBusy: false })
  }
  return 'ready'
}

async function run (rates: Rates, seconds: number): Promise<Answers> {
  const answers: Omit<Answers, 'acceptedPerSecond'> = { refresh: [], protected: [], refusals: [], others: 0 }
  const sent = { refresh: 0, protected: 0, login: 0 }
  const open = new Set<Promise<void>>()
  const startedAt = performance.now()
  const send = { refresh: () => refresh(), protected: () => protectedCall(), login: () => logIn() }
  let accepted = 0
  const note = (kind: keyof Rates, { status, body }: Answer, latency: number): void => {
    const elapsed = (performance.now() - startedAt) / 1000
    if (kind === 'login' && status === 503 && body.includes('overloaded')) answers.refusals.push(latency)
    else if (status !== 200) answers.others += 1
    else if (kind !== 'login') answers[kind].push(latency)
    // What is still in the queue at the end was computed in somebody else's time.
    else if (elapsed > LEAD_IN * seconds && elapsed <= seconds) accepted += 1
  }
  await new Promise<void>(resolve => {
    const timer = setInterval(() => {
      const elapsed = performance.now() - startedAt
      if (elapsed >= seconds * 1000) {
        clearInterval(timer)
        return resolve()
      }
      for (const kind of ['refresh', 'protected', 'login'] as const) {
        for (; sent[kind] < elapsed / 1000 * rates[kind]; sent[kind]++) {
          const dueAt = startedAt + sent[kind] / rates[kind] * 1000
          const one = send[kind]().then(answer => note(kind, answer, performance.now() - dueAt), () => { answers.others += 1 })
          open.add(one)
          one.finally(() => open.delete(one))
        }
      }
    }, TICK_MS)
  })
  await Promise.all(open)
  return { ...answers, acceptedPerSecond: accepted / seconds / (1 - LEAD_IN) }
}

async function refresh (): Promise<Answer> {
  const client = clients.find(({ isBusy }) => !isBusy)
  if (client === undefined) throw new Error('every session is being refreshed')
  client.isBusy = true
  try {
    const answer = await ask(agent, { method: 'POST', url: `${url}/api/refresh`, headers: { cookie: client.cookie } })
    if (answer.status === 200) Object.assign(client, heldBy(answer))
    return answer
  } finally {
    client.isBusy = false
    clients.push(clients.splice(clients.indexOf(client), 1)[0]!)
  }
}

function protectedCall (): Promise<Answer> {
  return ask(agent, { method: 'GET', url: `${url}/api/protected`, headers: { authorization: `Bearer ${clients[0]!.accessToken}` } })
}

function logIn (): Promise<Answer> {
  const username = `user${nextUser++ % USERS}`
  return ask(agent, { method: 'POST', url: `${url}/api/login`, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password: PASSWORD }) })
}

function heldBy ({ body, cookies }: Answer): Pick<Client, 'cookie' | 'accessToken'> {
  return { cookie: cookies[0]!.split(';')[0]!, accessToken: JSON.parse(body).accessToken }
}
