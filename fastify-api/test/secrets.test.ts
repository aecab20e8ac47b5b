import t from 'tap'
import { createOtherUser, startApi } from './fixtures/api.js'
import { runServer } from './fixtures/programs.js'

t.test('no password, token or cookie reaches the log, at any level and whatever goes wrong', async t => {
  const api = await startApi(t)
  const { username, password } = await createOtherUser(api, 'canary')
  const server = await runServer(t, { ...api.env, SEED_DEMO_USER: 'false', LOG_LEVEL: 'trace' })
  const secrets = new Set([password, 'canary-wrong-password', 'canary-bearer', 'canary-cookie', 'canary-query', 'canary-field', 'canary-origin'])
  const call = async (method: string, path: string, headers: Record<string, string> = {}, body?: string) => {
    const response = await fetch(`${server.url}${path}`, { method, headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers }, body: body ?? null })
    const [cookie, device] = ['refreshToken', 'device'].map(name => response.headers.getSetCookie().find(set => set.startsWith(`${name}=`))?.split(/[=;]/)[1])
    const { accessToken, ticket } = await response.json().catch(() => ({})) as { accessToken?: string, ticket?: string }
    for (const secret of [cookie, device, accessToken, ticket]) if (secret !== undefined) secrets.add(secret)
    return { status: response.status, cookie, device, accessToken }
  }
  const credentials = (secret: string) => JSON.stringify({ username, password: secret })

  const { cookie, device, accessToken } = await call('POST', '/api/login', {}, credentials(password))
  t.equal((await call('POST', '/api/login', { cookie: `device=${device}` }, credentials(password))).device, device)
  const rotated = await call('POST', '/api/refresh', { cookie: `refreshToken=${cookie}` })
  t.equal((await call('GET', '/api/me', { authorization: `Bearer ${rotated.accessToken}` })).status, 200)
  t.equal((await call('POST', '/api/ws-ticket', { authorization: `Bearer ${rotated.accessToken}` })).status, 200)
  for (const [status, method, path, headers, body] of [
    [401, 'POST', '/api/login', {}, credentials('canary-wrong-password')],
    [401, 'POST', '/api/login', {}, JSON.stringify({ username: 'nobody', password: 'canary-wrong-password' })],
    [400, 'POST', '/api/login', {}, '{"password":"canary-wrong-password'],
    [400, 'POST', '/api/login', {}, JSON.stringify({ username: 1, password: 'canary-wrong-password', 'canary-field': 'canary-field' })],
    [413, 'POST', '/api/login', {}, credentials('canary-wrong-password'.repeat(1000))],
    [415, 'POST', '/api/login', { 'content-type': 'text/plain' }, credentials('canary-wrong-password')],
    [403, 'POST', '/api/login', { origin: 'https://canary-origin.test', cookie: 'refreshToken=canary-cookie' }, credentials(password)],
    [401, 'POST', '/api/refresh', { cookie: 'refreshToken=canary-cookie' }, undefined],
    [400, 'POST', '/api/refresh', { cookie: `refreshToken=${cookie}; refreshToken=${rotated.cookie}` }, undefined],
    [401, 'GET', '/api/me?access_token=canary-query', { authorization: 'Bearer canary-bearer' }, undefined],
    [401, 'GET', '/api/me', { authorization: `Bearer ${accessToken}x` }, undefined],
    [401, 'POST', '/api/reauthenticate', { authorization: `Bearer ${rotated.accessToken}` }, JSON.stringify({ password: 'canary-wrong-password' })],
    [204, 'POST', '/api/reauthenticate', { authorization: `Bearer ${rotated.accessToken}` }, JSON.stringify({ password })],
    [404, 'DELETE', '/api/sessions/x?token=canary-query', { authorization: `Bearer ${rotated.accessToken}` }, undefined],
    [404, 'GET', '/api/nothing?token=canary-query', {}, undefined],
    [400, 'GET', '/api/%zz?token=canary-query', {}, undefined],
    [405, 'DELETE', '/api/login?token=canary-query', { cookie: `refreshToken=${cookie}` }, undefined]
  ] as const) t.equal((await call(method, path, headers, body)).status, status, `${method} ${path}`)

  // A used token comes back as theft, and a failing statement as 5xx; both are logged with their circumstances.
  await api.database.pool.query("update sessions set confirmed_generation = generation, rotated_at = rotated_at - interval '1 hour'")
  t.equal((await call('POST', '/api/refresh', { cookie: `refreshToken=${cookie}` })).status, 401)
  const last = await call('POST', '/api/login', {}, credentials(password))
  await api.database.pool.query('alter table sessions rename column secret_hash to elsewhere')
  await api.database.pool.query('alter table ws_tickets add check (false) not valid')
  t.equal((await call('POST', '/api/ws-ticket', { authorization: `Bearer ${last.accessToken}` })).status, 500)
  t.equal((await call('POST', '/api/login', { cookie: `refreshToken=${last.cookie}` }, credentials(password))).status, 500)
  t.equal((await call('POST', '/api/refresh', { cookie: `refreshToken=${last.cookie}` })).status, 500)
  t.equal(await server.stop(), 0)

  const output = server.output()
  const events = output.trimEnd().split('\n').map(line => JSON.parse(line))
  for (const event of ['login.succeeded', 'login.failed', 'reauthentication.failed', 'reauthentication.succeeded', 'refresh.refused', 'session.theft']) t.ok(events.some(line => line.event === event), event)
  t.ok(events.filter(({ msg }) => msg === 'request failed').length >= 3)
  t.ok(secrets.size >= 13)
  // Neither as text, nor decoded or encoded, nor as the bytes of a Buffer.
  for (const secret of secrets) {
    const bytes = JSON.stringify([...Buffer.from(secret)]).slice(1, -1)
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('hex'), bytes]) {
      t.notOk(output.includes(form), `${secret.slice(0, 12)}… is not in the log`)
    }
  }
})
