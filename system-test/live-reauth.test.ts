import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { refresh, signIn } from './fixtures/http-client.js'
import { startLocalMode } from './fixtures/local-mode.js'

const ECHOES = 1000
const REAUTHS = 5

interface Frame { type: string, id?: string, payload: { n?: number, expiresInMs?: number, reason?: string } }

t.test('one socket lives through five access tokens while 1,000 echoes pass, and ends with the session', async t => {
  const local = await startLocalMode(t, { ACCESS_TOKEN_EXPIRY: '10s', BCRYPT_COST: '4', RATE_LIMIT_MULTIPLIER: '1000' })
  let client = await signIn(local.url)
  const socket = new WebSocket(`${local.wsUrl}?token=${client.accessToken}`)
  t.teardown(() => socket.terminate())
  const closed = once(socket, 'close')
  const echoed: number[] = []
  const seen: string[] = []
  let reauths = 0

  const finished = new Promise<void>((resolve, reject) => {
    socket.on('message', data => {
      const { type, payload } = JSON.parse(String(data)) as Frame
      if (type !== 'echo') seen.push(type)
      if (type === 'echo') echoed.push(payload.n!)
      if (type === 'reauth_success') reauths += 1
      if (type === 'error') reject(new Error(String(data)))
      // As a client does it: refresh over HTTP, show the new access token on the same socket.
      if (type === 'token_expiring' && reauths < REAUTHS) {
        refresh(local.url, client).then(({ client: refreshed }) => {
          client = refreshed!
          socket.send(JSON.stringify({ type: 'reauth', access: client.accessToken }))
        }).catch(reject)
      }
      if (reauths === REAUTHS && echoed.length === ECHOES) resolve()
    })
    closed.then(([code]) => reject(new Error(`closed with ${code}\n${local.output()}`)))
  })

  await once(socket, 'open')
  // Evenly over the whole time, and a burst around each reauth.
  let sent = 0
  const sender = setInterval(() => {
    const due = reauths === REAUTHS ? ECHOES : Math.min(sent + 7, (reauths + 1) * ECHOES / REAUTHS)
    for (; sent < due; sent++) socket.send(JSON.stringify({ type: 'echo', payload: { n: sent } }))
  }, 100)
  t.teardown(() => clearInterval(sender))
  await finished
  clearInterval(sender)

  t.same(echoed, Array.from({ length: ECHOES }, (_, n) => n), 'none lost, none reordered')
  t.equal(seen.filter(type => type === 'connected').length, 1)
  t.equal(seen.filter(type => type === 'reauth_success').length, REAUTHS)

  const revoked = new Promise<Frame>(resolve => socket.on('message', data => {
    const frame = JSON.parse(String(data)) as Frame
    if (frame.type === 'session_revoked') resolve(frame)
  }))
  const logout = await fetch(`${local.url}/api/logout`, { method: 'POST', headers: { cookie: client.cookie } })
  t.equal(logout.status, 204)
  t.equal((await revoked).payload.reason, 'logout')
  t.equal((await closed)[0], 4410)
})
