import { until } from '../../packages/auth-contract/test/fixtures/until.js'
import { askApi, askSocketServer } from './access-token-verdicts.js'
import type { Case } from './case.js'
import { publicPart } from './public-part.js'

export const cases: Case[] = [
  {
    title: 'an access token is taken from Authorization: Bearer alone',
    ids: ['JW-16', 'JW-17'],
    async run (t, door) {
      const { accessToken } = await door.signIn()
      const rubbish = publicPart(await askApi(door, 'rubbish'))
      const elsewhere: Record<string, () => Promise<{ status: number, headers: object, body: string }>> = {
        nowhere: () => door.request('/api/protected'),
        '?access_token=': () => door.request(`/api/protected?access_token=${accessToken}`),
        '?token=': () => door.request(`/api/protected?token=${accessToken}`),
        'a cookie': () => door.request('/api/protected', { headers: { cookie: `access_token=${accessToken}; __Host-accessToken=${accessToken}` } }),
        'another header': () => door.request('/api/protected', { headers: { 'x-access-token': accessToken, 'x-forwarded-access-token': accessToken } }),
        'no scheme': () => door.request('/api/protected', { headers: { authorization: accessToken } }),
        'another scheme': () => door.request('/api/protected', { headers: { authorization: `Token ${accessToken}` } }),
        'two schemes': () => door.request('/api/protected', { headers: { authorization: `Basic Bearer ${accessToken}` } }),
        'a list': () => door.request('/api/protected', { headers: { authorization: `Bearer ${accessToken}, Bearer ${accessToken}` } }),
        'a tab for the space': () => door.request('/api/protected', { headers: { authorization: `Bearer\t${accessToken}` } })
      }
      for (const [carrier, ask] of Object.entries(elsewhere)) t.strictSame(publicPart(await ask() as Parameters<typeof publicPart>[0]), rubbish, carrier)
      const form = await door.request('/api/ws-ticket', { method: 'POST', body: `access_token=${accessToken}`, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
      t.equal(form.status, 415, 'a form')
      for (const scheme of ['bearer', 'BEARER', 'Bearer ']) t.equal((await door.request('/api/protected', { headers: { authorization: `${scheme} ${accessToken}` } })).status, 200, scheme)
      t.equal((await door.request(`/api/protected?access_token=${accessToken}x`, { headers: { authorization: `Bearer ${accessToken}` } })).status, 200, 'what is no carrier is no second one')
    }
  },
  {
    title: 'two carriers at once, even of the same token, are a bad request',
    ids: ['JW-16'],
    async run (t, door) {
      const { accessToken } = await door.signIn()
      const header = `Bearer ${accessToken}`
      for (const Authorization of [[header, header], ['Bearer rubbish', header], [header, 'Basic YTpi']]) {
        const answer = await door.request('/api/protected', { headers: { Authorization } })
        t.match({ status: answer.status, ...answer.json() }, { status: 400, code: 'invalid_request' })
      }
      const { ticket } = (await door.request('/api/ws-ticket', { method: 'POST', headers: { authorization: header } })).json()
      for (const options of [
        { query: `token=${accessToken}`, headers: { authorization: header } },
        { query: `ticket=${ticket}`, headers: { authorization: header } },
        { query: `token=${accessToken}&ticket=${ticket}` },
        { query: `token=${accessToken}&token=${accessToken}` }
      ]) t.match(await door.refusal(options), { status: 400, body: /"code":"invalid_request"/ })
      const socket = await door.connect({ query: `ticket=${ticket}` })
      t.match(await socket.frame('connected'), { payload: { anonymous: undefined } }, 'and the ticket is not used up')
      await socket.leave()
    }
  },
  {
    title: 'refusals tell the API\'s clients and the sockets\' clients the same, and neither why',
    ids: ['JW-17', 'JW-18'],
    async run (t, door) {
      const [api, sockets] = [await askApi(door, 'rubbish'), await askSocketServer(door, 'rubbish')]
      const { requestId: one, ...problem } = api.json()
      const { requestId: other, ...same } = JSON.parse(sockets.body)
      t.strictSame(problem, { type: 'urn:fastify-uws-auth:error:invalid_token', title: 'The access token is missing or not valid', status: 401, code: 'invalid_token' })
      t.strictSame(same, problem)
      t.not(one, other)
      for (const { headers } of [api, sockets]) t.match(headers, { 'www-authenticate': 'Bearer error="invalid_token"', 'content-type': /^application\/problem\+json/, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    }
  },
  {
    title: 'no credential that came in an address is in a log',
    ids: ['JW-16', 'RT-11'],
    async run (t, door) {
      const { accessToken, cookie } = await door.signIn()
      const { ticket } = (await door.request('/api/ws-ticket', { method: 'POST', headers: { authorization: `Bearer ${accessToken}` } })).json()
      await (await door.connect({ query: `ticket=${ticket}` })).leave()
      await (await door.connect({ query: `token=${accessToken}` })).leave()
      await door.request(`/api/protected?access_token=${accessToken}&refresh_token=${cookie}`, { headers: { referer: `${door.origin}/?token=${accessToken}` } })
      await door.request(`/nowhere?access_token=${accessToken}`, { headers: { authorization: `Bearer ${accessToken}`, cookie } })
      await until(() => door.nginx.accessLog().some(({ path }) => path === '/nowhere'))
      const logs = [JSON.stringify(door.nginx.accessLog()), door.nginx.errorLog(), ...[...door.apis, ...door.sockets, door.worker].map(({ output }) => output())]
      const signature = accessToken.split('.')[2]!
      for (const secret of [accessToken, signature, ticket, cookie.split('=')[1]!]) t.notOk(logs.some(log => log.includes(secret)))
      t.ok(logs[0]!.includes('"path":"/nowhere"'), 'the paths are there')
    }
  }
]
