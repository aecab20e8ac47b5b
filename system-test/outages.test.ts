import { randomInt } from 'node:crypto'
import t from 'tap'
import { RABBITMQ_MISSING } from '../packages/auth-contract/test/fixtures/rabbitmq-server.js'
import { REDIS_MISSING } from '../packages/auth-contract/test/fixtures/redis-server.js'
import { until } from '../packages/auth-contract/test/fixtures/until.js'
import { startSmtpServer } from '../fastify-api/test/fixtures/smtp-server.js'
import { NGINX_MISSING, startFrontDoor, type FrontDoor } from './fixtures/front-door.js'
import { withoutDatabase } from './fixtures/without-database.js'

/** So many wrong passwords from one address are evaluated at an account by one process; with Redis by all together. */
const GUESSES = 10

/** Statuses of everything that has to be granted or refused, at a given time. */
type Verdicts = Record<string, number>

const AS_USUAL: Verdicts = {
  'right password': 200,
  'wrong password': 401,
  'unknown user': 401,
  'disabled user': 401,
  'login from a foreign page': 403,
  'live refresh token': 200,
  'refresh token of an ended session': 401,
  'good access token': 200,
  'access token of an ended session': 401,
  'changed access token': 401,
  'socket with a good access token': 101,
  'socket with that of an ended session': 401,
  'socket with a changed one': 401
}
/** After REVOCATION_MAX_STALENESS: what cannot be known is refused for the time being, what is known to be bad as ever. */
const WITHOUT_DATABASE: Verdicts = Object.fromEntries(Object.entries(AS_USUAL).map(([what, status]) => [what, /foreign|changed/.test(what) ? status : 503]))

async function createMatrix (door: FrontDoor): Promise<() => Promise<Verdicts>> {
  const [account, disabled] = [await door.createAccount(), await door.createAccount()]
  const [live, over] = [await door.signIn(account), await door.signIn(account)]
  await door.database.pool.query('update users set disabled_at = now() where id = $1', [disabled.id])
  await door.request('/api/logout', { method: 'POST', headers: { cookie: over.cookie } })
  const isKnown = async () => await open(over.accessToken) === 401 && await ask(over.accessToken) === 401
  let cookie = live.cookie

  const ask = async (accessToken: string) => (await door.request('/api/protected', { headers: { authorization: `Bearer ${accessToken}` } })).status
  const open = async (accessToken: string) => {
    const opening = door.connect({ headers: { authorization: `Bearer ${accessToken}` }, from: anAddress() })
    return await opening.then(async socket => {
      await socket.leave()
      return 101
    }, (err: Error) => Number(/response: (\d+)$/.exec(err.message)?.[1]))
  }
  const logIn = async (username: string, password: string, origin = door.origin) =>
    (await door.request('/api/login', { method: 'POST', headers: { origin }, body: { username, password }, from: anAddress() })).status
  const refresh = async (sent: string) => {
    const { status, headers } = await door.request('/api/refresh', { method: 'POST', headers: { cookie: sent } })
    if (status === 200) cookie = headers['set-cookie']![0]!.split(';')[0]!
    if (status !== 200 && 'set-cookie' in headers) throw new Error('a refusal has touched the cookie')
    return status
  }
  await until(isKnown)
  return async () => ({
    'right password': await logIn(account.username, account.password),
    'wrong password': await logIn(account.username, 'wrong'),
    'unknown user': await logIn('nobody', 'wrong'),
    'disabled user': await logIn(disabled.username, disabled.password),
    'login from a foreign page': await logIn(account.username, account.password, 'https://evil.example'),
    'live refresh token': await refresh(cookie),
    'refresh token of an ended session': await refresh(over.cookie),
    'good access token': await ask(live.accessToken),
    'access token of an ended session': await ask(over.accessToken),
    'changed access token': await ask(`${live.accessToken.slice(0, -4)}AAAA`),
    'socket with a good access token': await open(live.accessToken),
    'socket with that of an ended session': await open(over.accessToken),
    'socket with a changed one': await open(`${live.accessToken.slice(0, -4)}AAAA`)
  })
}

/** Another client, whom no limit knows yet. */
const anAddress = () => `127.${randomInt(1, 200)}.${randomInt(250)}.${randomInt(1, 250)}`

/** What ends while the news of it may be lost ends all the same. */
async function endsEverywhere (door: FrontDoor): Promise<void> {
  const { accessToken, cookie } = await door.signIn()
  const sockets = await Promise.all(door.sockets.map(() => door.connect({ headers: { authorization: `Bearer ${accessToken}` } })))
  await Promise.all(sockets.map(socket => socket.frame('connected')))
  await door.request('/api/logout', { method: 'POST', headers: { cookie } })
  for (const socket of sockets) if ((await socket.closed).code !== 4410) throw new Error('a socket outlived its session')
  for (const { url } of door.apis) {
    await until(async () => (await fetch(`${url}/api/protected`, { headers: { authorization: `Bearer ${accessToken}` } })).status === 401)
  }
}

t.test('each dependency away in turn: everything is decided as ever, or answered 503; no check is left out', { skip: NGINX_MISSING || REDIS_MISSING || RABBITMQ_MISSING }, async t => {
  const smtp = await startSmtpServer(t)
  const door = await startFrontDoor(t, {
    redis: true, rabbit: true, env: { RATE_LIMIT_MULTIPLIER: '1', REVOCATION_MAX_STALENESS: '5s', SMTP_URL: smtp.url, MAIL_FROM: 'no-reply@example.test' }
  })
  const verdicts = await createMatrix(door)
  t.strictSame(await verdicts(), AS_USUAL, 'all there')

  t.test('Redis: limits count in each process, revocations are read', async t => {
    await door.redis!.signal('SIGKILL')
    t.strictSame(await verdicts(), AS_USUAL)
    await endsEverywhere(door)
    const { username } = await door.createAccount()
    const statuses: number[] = []
    for (let guess = 0; guess < GUESSES * door.apis.length + 2; guess++) {
      statuses.push((await door.request('/api/login', { method: 'POST', body: { username, password: 'wrong' }, from: '127.0.0.77' })).status)
    }
    t.ok(statuses.includes(429), 'guessing has an end')
    t.ok(statuses.every(status => status === 401 || status === 429), statuses.join())
    await door.redis!.start()
    for (const { output } of door.apis) await until(() => output().includes('limits are counted in Redis again'))
    t.strictSame(await verdicts(), AS_USUAL)
  })

  t.test('RabbitMQ and the mail server: nothing waits for them, and no event is lost', async t => {
    await smtp.stop()
    await door.rabbit!.signal('SIGKILL')
    t.strictSame(await verdicts(), AS_USUAL)
    await endsEverywhere(door)
    const account = await door.createAccount()
    const { accessToken } = await door.signIn(account)
    await door.rabbit!.start()
    const history = async () => (await door.request('/api/me/history', { headers: { authorization: `Bearer ${accessToken}` } })).json().events
    await until(async () => (await history()).length > 0)
    t.match(await history(), [{ type: 'login.succeeded' }])
    await smtp.start()
    t.strictSame(await verdicts(), AS_USUAL)
  })

  t.test('PostgreSQL: 503 for whatever would have to ask it, and for what relies on revocations after 5 s', async t => {
    await withoutDatabase(door, async () => {
      const during = await verdicts()
      for (const [what, status] of Object.entries(during)) t.ok([AS_USUAL[what], 503].includes(status), `${what}: ${status}`)
      for (const what of ['right password', 'wrong password', 'unknown user', 'live refresh token', 'refresh token of an ended session']) t.equal(during[what], 503, what)
      for (const { port } of door.sockets) await until(async () => (await fetch(`http://127.0.0.1:${port}/ready`)).status === 503)
      for (const { url } of door.apis) await until(async () => (await (await fetch(`${url}/api/ready`)).json() as { checks: { revocations: string } }).checks.revocations === 'failing')
      t.strictSame(await verdicts(), WITHOUT_DATABASE)
    })
    t.strictSame(await verdicts(), AS_USUAL, 'and everybody goes on with what they have')
  })
})
