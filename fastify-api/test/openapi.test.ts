import { Ajv2020 } from 'ajv/dist/2020.js'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { DEMO_ACCOUNT } from '../src/auth/accounts.js'
import { get, login, startApi } from './fixtures/api.js'

interface Operation { responses: Record<string, { description: string, content?: Record<string, { schema: object }> }>, requestBody?: { content: Record<string, { schema: object }> }, security?: object[] }

const ajv = new Ajv2020({ strict: true, allErrors: true, formats: { uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ } })

t.test('the OpenAPI document', async t => {
  const { app } = await startApi(t)
  const document = (await app.inject('/api/openapi.json')).json()
  const operationOf = (method: string, path: string): Operation => document.paths[path]?.[method.toLowerCase()]

  t.test('is OpenAPI 3.1 with schemas of JSON Schema 2020-12', async t => {
    t.match(document, { openapi: /^3\.1\.\d+$/, info: { title: String, version: /^\d+\.\d+\.\d+/ }, servers: [{ url: 'http://localhost:3000' }], components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } } })
    for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
      t.match(path, /^\//)
      for (const [method, operation] of Object.entries(methods)) {
        t.match(method, /^(get|post|put|patch|delete)$/)
        const media = [operation.requestBody, ...Object.values(operation.responses)].flatMap(part => Object.values(part?.content ?? {}))
        for (const { schema } of media) t.doesNotThrow(() => ajv.compile(schema), `${method} ${path}`)
        t.ok(Object.values(operation.responses).every(({ description }) => description.length > 0))
      }
    }
  })

  t.test('has every route of the contract and nothing else', async t => {
    const routes = Object.entries<object>(document.paths).flatMap(([path, methods]) => Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`))
    t.same(routes.sort(), [
      'DELETE /api/devices/{id}', 'DELETE /api/sessions', 'DELETE /api/sessions/{id}',
      'GET /.well-known/jwks.json', 'GET /api/.well-known/jwks.json', 'GET /api/devices', 'GET /api/health', 'GET /api/me', 'GET /api/me/history', 'GET /api/protected', 'GET /api/ready', 'GET /api/sessions',
      'POST /api/login', 'POST /api/logout', 'POST /api/reauthenticate', 'POST /api/refresh', 'POST /api/ws-ticket'
    ])
  })

  t.test('describes what each route really answers', async t => {
    const { sessionId: another } = await login(app)
    const { accessToken, refreshToken } = await login(app)
    const device = (await get(app, '/api/sessions', accessToken)).json().sessions.find(({ id }: { id: string }) => id === another).device
    const bearer = { authorization: `Bearer ${accessToken}` }
    const cookie = { cookie: `refreshToken=${refreshToken}` }
    const evil = { origin: 'https://evil.test' }
    const text = { payload: 'x', headers: { 'content-type': 'text/plain' } }
    const large = { payload: { username: 'x'.repeat(20_000) } }
    const requests: Array<[method: 'GET' | 'POST' | 'DELETE', path: string, status: number, options?: InjectOptions]> = [
      ['GET', '/api/health', 200], ['GET', '/api/ready', 200], ['GET', '/.well-known/jwks.json', 200], ['GET', '/api/.well-known/jwks.json', 200],
      ['GET', '/api/me', 200, { headers: bearer }], ['GET', '/api/me', 401],
      ['GET', '/api/me/history', 200, { headers: bearer }], ['GET', '/api/me/history', 400, { headers: bearer, query: { limit: '0' } }], ['GET', '/api/me/history', 401],
      ['GET', '/api/protected', 200, { headers: bearer }], ['GET', '/api/protected', 401],
      ['GET', '/api/sessions', 200, { headers: bearer }], ['GET', '/api/sessions', 401],
      ['DELETE', '/api/sessions/{id}', 204, { headers: bearer }], ['DELETE', '/api/sessions/{id}', 404, { headers: bearer }], ['DELETE', '/api/sessions/{id}', 400, { headers: bearer, payload: { x: 1 } }], ['DELETE', '/api/sessions/{id}', 401],
      ['DELETE', '/api/sessions/{id}', 413, large], ['DELETE', '/api/sessions/{id}', 415, text],
      ['GET', '/api/devices', 200, { headers: bearer }], ['GET', '/api/devices', 401],
      ['DELETE', '/api/devices/{id}', 204, { headers: bearer }], ['DELETE', '/api/devices/{id}', 404, { headers: bearer }], ['DELETE', '/api/devices/{id}', 400, { headers: bearer, payload: { x: 1 } }], ['DELETE', '/api/devices/{id}', 401],
      ['DELETE', '/api/devices/{id}', 413, large], ['DELETE', '/api/devices/{id}', 415, text],
      ['DELETE', '/api/sessions', 204, { headers: bearer }], ['DELETE', '/api/sessions', 400, { headers: bearer, payload: { x: 1 } }], ['DELETE', '/api/sessions', 401],
      ['DELETE', '/api/sessions', 413, large], ['DELETE', '/api/sessions', 415, text],
      ['POST', '/api/reauthenticate', 204, { headers: bearer, payload: { password: DEMO_ACCOUNT.password } }], ['POST', '/api/reauthenticate', 400, { headers: bearer }],
      ['POST', '/api/reauthenticate', 401, { headers: bearer, payload: { password: 'x' } }], ['POST', '/api/reauthenticate', 413, large], ['POST', '/api/reauthenticate', 415, text],
      ['POST', '/api/ws-ticket', 200, { headers: bearer }], ['POST', '/api/ws-ticket', 400, { headers: bearer, payload: { x: 1 } }], ['POST', '/api/ws-ticket', 401],
      ['POST', '/api/ws-ticket', 413, large], ['POST', '/api/ws-ticket', 415, text],
      ['POST', '/api/login', 200, { payload: DEMO_ACCOUNT }], ['POST', '/api/login', 400], ['POST', '/api/login', 401, { payload: { username: 'x', password: 'y' } }],
      ['POST', '/api/login', 403, { headers: evil }], ['POST', '/api/login', 413, large], ['POST', '/api/login', 415, text],
      ['POST', '/api/refresh', 200, { headers: cookie }], ['POST', '/api/refresh', 400, { payload: { x: 1 } }], ['POST', '/api/refresh', 401],
      ['POST', '/api/refresh', 403, { headers: evil }], ['POST', '/api/refresh', 413, large], ['POST', '/api/refresh', 415, text],
      ['POST', '/api/logout', 400, { payload: { everywhere: 1 } }], ['POST', '/api/logout', 403, { headers: evil }],
      ['POST', '/api/logout', 413, large], ['POST', '/api/logout', 415, text], ['POST', '/api/logout', 204, { headers: cookie }]
    ]
    for (const [method, path, status, options] of requests) {
      const response = await app.inject({ method, url: path.replace('{id}', path.includes('devices') ? device : another), ...options })
      t.equal(response.statusCode, status, `${method} ${path}`)
      const documented = operationOf(method, path).responses[status]
      t.ok(documented, `${method} ${path} documents ${status}`)
      if (status === 204) continue
      const type = String(response.headers['content-type']).split(';')[0]!
      const schema = documented?.content?.[type]?.schema
      if (!t.ok(schema, `${method} ${path} ${status} documents ${type}`)) continue
      const validate = ajv.compile(schema!)
      t.ok(validate(response.json()), `${method} ${path} ${status}: ${ajv.errorsText(validate.errors)}`)
    }
  })

  t.test('says which routes can be limited, and which want a bearer token', async t => {
    for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
      for (const operation of Object.values(methods)) {
        t.equal('429' in operation.responses, !/health|ready/.test(path), path)
        t.equal(operation.security !== undefined, /me$|history$|protected$|sessions|devices|reauthenticate$|ws-ticket$/.test(path), path)
      }
    }
  })

  t.test('can be browsed by a page that runs no foreign or inline script', async t => {
    const page = await app.inject('/api/docs/')
    t.equal(page.statusCode, 200)
    t.match(page.headers['content-security-policy'], /default-src 'none'.*script-src 'self';/)
    t.notMatch(page.headers['content-security-policy'], /unsafe/)
    const sources = [...page.body.matchAll(/<script([^>]*)>([^<]*)</g)]
    t.ok(sources.length > 0 && sources.every(([, attributes, inline]) => /src="\.?\//.test(attributes!) && inline!.trim() === ''))
  })
})
