import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { parseDuration } from '@fastify-uws-auth/auth-contract'
import { TIMEOUTS } from '../fastify-api/src/app.js'
import { BODY_LIMIT } from '../fastify-api/src/plugins/json-body.js'
import { RATE_LIMITS } from '../fastify-api/src/plugins/rate-limit.js'
import { FINISH_WITHIN_MS } from '../fastify-api/src/stop-time.js'
import { loadSocketConfig } from '../uws-server/src/config.js'
import { IDLE_TIMEOUT_SECONDS } from '../uws-server/src/uws-adapter.js'
import { temporaryFolder } from '../packages/local-mode/test/fixtures/temporary-folder.js'
import { makeCertificate } from './fixtures/certificate.js'
import { createDoorClient } from './fixtures/door-client.js'
import { CONFIGURE, NGINX_MISSING, PATH_WITH_NGINX, startNginx } from './fixtures/nginx.js'
import { freePort } from './fixtures/part.js'

const TEMPLATES = path.dirname(CONFIGURE)
const NAME = 'auth.example.test'

function httpsSettings (t: Test): NodeJS.ProcessEnv {
  const { certificatePath, keyPath } = makeCertificate(temporaryFolder(t), NAME)
  return { PUBLIC_URL: `https://${NAME}`, TLS_CERTIFICATE_PATH: certificatePath, TLS_CERTIFICATE_KEY_PATH: keyPath }
}

function configure (folder: string, env: NodeJS.ProcessEnv, command: string[] = []) {
  return spawnSync(CONFIGURE, [folder, ...command], { env: { PATH: PATH_WITH_NGINX, ...env }, encoding: 'utf8' })
}

/** All directives that come out, comments left out. */
function configurationOf (t: Test, env: NodeJS.ProcessEnv): string {
  const folder = path.join(temporaryFolder(t), 'configuration')
  const { status, stderr } = configure(folder, env)
  if (status !== 0) throw new Error(stderr)
  return readdirSync(folder).filter(name => name.endsWith('.conf')).map(name => readFileSync(path.join(folder, name), 'utf8').replaceAll(/(^|\s)#.*$/gm, '')).join('\n')
}

/** The values of a directive, in order. */
function valuesOf (configuration: string, directive: string): string[] {
  return [...configuration.matchAll(new RegExp(`(?<![\\w-])${directive}\\s+([^;{]*);`, 'g'))].map(([, value]) => value!)
}

t.test('nginx takes both profiles without a warning', { skip: NGINX_MISSING }, async t => {
  const [logs, https] = [temporaryFolder(t), httpsSettings(t)]
  const everything = {
    ...https,
    HTTP_PORT: '8080',
    HTTPS_PORT: '8443',
    LISTEN_ADDRESSES: '0.0.0.0,[::1]',
    API_UPSTREAMS: '127.0.0.1:1,[::1]:2',
    WS_UPSTREAMS: 'localhost:3',
    TRUSTED_PROXIES: '10.0.0.0/8,2001:db8::/32',
    ACME_CHALLENGE_DIR: logs,
    WORKER_PROCESSES: '2',
    RATE_LIMIT_MULTIPLIER: '1000000',
    ERROR_LOG: path.join(logs, 'error.log')
  }
  const profiles: NodeJS.ProcessEnv[] = [https, everything, { PUBLIC_URL: 'http://localhost:8080/' }, { PUBLIC_URL: 'http://127.0.0.1' }, { PUBLIC_URL: 'http://[::1]:8080', RATE_LIMIT_MULTIPLIER: '0.001' }]
  for (const [i, settings] of profiles.entries()) {
    const folder = path.join(logs, String(i))
    const { status, stderr } = configure(folder, { ACCESS_LOG: path.join(logs, 'access.log'), ...settings }, ['nginx', '-t', '-q', '-p', `${folder}/`, '-c', 'nginx.conf', '-e', 'stderr'])
    t.strictSame({ status, stderr }, { status: 0, stderr: '' }, JSON.stringify(settings))
    for (const name of readdirSync(folder).filter(name => name.endsWith('.conf'))) t.notMatch(readFileSync(path.join(folder, name), 'utf8'), /\{\{/, name)
  }
})

t.test('a value that is wrong, or wants out of its directive, is one sentence, and nothing is written', { skip: NGINX_MISSING }, async t => {
  const https = httpsSettings(t)
  const attacks = ['; include /etc/passwd;', 'a}', 'a b', '$host', '"', 'a\nb', '{{NAME}}', '|', '&', '\\', '#']
  const bad: Record<string, string[]> = {
    PUBLIC_URL: ['', 'auth.example.test', 'ftp://x', `http://${NAME}`, 'http://localhost.evil.test', 'https://', 'https://x:0', 'https://x:70000', 'https://x/path', 'https://user@x', 'https://x?y', 'https://-x', ...attacks.map(attack => `https://x${attack}`)],
    HTTP_PORT: ['0', '70000', 'x', '-1', '443', ...attacks],
    HTTPS_PORT: ['0', '08', '80', ...attacks],
    LISTEN_ADDRESSES: ['localhost', '::1', '127.0.0.1,', ',', '127.0.0.1 127.0.0.2', 'unix:/x', ...attacks],
    API_UPSTREAMS: ['127.0.0.1', '127.0.0.1:', 'x:0', 'http://x:1', 'unix:/x', 'a:1,', 'a:1 b:1', ...attacks.map(attack => `x:1${attack}`)],
    WS_UPSTREAMS: ['127.0.0.1', ...attacks],
    TRUSTED_PROXIES: ['proxy.example.test', '10.0.0.0/', 'true', '1,,2', ...attacks],
    TLS_CERTIFICATE_PATH: ['', 'relative.pem', '/does/not/exist', ...attacks],
    TLS_CERTIFICATE_KEY_PATH: ['', '/does/not/exist', ...attacks],
    ACME_CHALLENGE_DIR: ['relative', ...attacks.map(attack => `/x${attack}`)],
    ACCESS_LOG: ['relative', ...attacks.map(attack => `/x${attack}`)],
    ERROR_LOG: ['syslog:server=x', ...attacks.map(attack => `/x${attack}`)],
    WORKER_PROCESSES: ['0', 'many', ...attacks],
    RATE_LIMIT_MULTIPLIER: ['0', '0.0', '-1', '1e9', '1000001', 'x', ...attacks]
  }
  const folder = path.join(temporaryFolder(t), 'configuration')
  for (const [setting, values] of Object.entries(bad)) {
    for (const value of values) {
      const { status, stdout, stderr } = configure(folder, { ...https, [setting]: value }, ['echo', 'started'])
      t.strictSame({ status, stdout }, { status: 1, stdout: '' }, `${setting}=${value}`)
      t.match(stderr, /^configure\.sh: [^\n]+\n$/)
      t.match(stderr, setting === 'HTTPS_PORT' && value === '80' ? 'HTTP_PORT and HTTPS_PORT' : setting)
    }
  }
  t.match(configure(folder, { ...https, PATH: '/bin' }), { status: 1, stderr: 'configure.sh: nginx is not on the PATH' })
  t.notOk(existsSync(folder))
})

t.test('what a newer nginx would warn about is written as that one wants it', { skip: NGINX_MISSING }, async t => {
  const bin = temporaryFolder(t)
  writeFileSync(path.join(bin, 'nginx'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })      // one that knows every directive
  const newer = configurationOf(t, { ...httpsSettings(t), PATH: `${bin}:${process.env['PATH']}` })
  t.strictSame(valuesOf(newer, 'http2'), ['on'])
  t.notMatch(valuesOf(newer, 'listen').join('\n'), /http2/)
  t.strictSame(valuesOf(newer, 'max_headers'), ['80'])
})

t.test('none of the mistakes that Gixy looks for', async t => {
  for (const name of readdirSync(TEMPLATES).filter(name => name.endsWith('.conf'))) {
    const directives = readFileSync(path.join(TEMPLATES, name), 'utf8').replaceAll(/(^|\s)#.*$/gm, '')
    t.notMatch(directives, /(?<![\w-])(?:rewrite|alias|resolver|autoindex|stub_status|ssi|valid_referers|proxy_cache|auth_basic|internal_redirect|satisfy|merge_slashes)\s/, `${name}: nothing of what we need not`)
    t.notMatch(directives, /\$http_host|\$document_uri|\$args|\$arg_|\$query_string|\$cookie_/, `${name}: nothing of a client's choice`)
    t.strictSame([...directives.matchAll(/(proxy_pass|return|proxy_redirect)[^;]*\$(?!problem_|status|request_id)\w+/g)], [], `${name}: no target or answer holds what a client sent`)
    if (name !== 'security-headers.conf') t.notMatch(directives, /add_header/, `${name}: a location with a header of its own loses all others`)
    if (name !== 'forwarded-headers.conf' && name !== 'to-api.conf' && name !== 'to-sockets.conf') t.notMatch(directives, /proxy_set_header/, name)
    t.strictSame([...directives.matchAll(/\bif\s*\([^)]*\)+\s*\{(?!\s*return \d+;\s*\})/g)], [], `${name}: if does nothing but return`)
    for (const [pattern] of directives.matchAll(/"~[^"]*"/g)) t.notMatch(pattern, /(?<!\\)\((?!\?)/, `${name}: captures have names`)
  }
})

t.test('figures fit those of what is behind', { skip: NGINX_MISSING }, async t => {
  const configuration = configurationOf(t, httpsSettings(t))
  const seconds = (directive: string) => valuesOf(configuration, directive).map(value => parseDuration(value).seconds)
  const sockets = loadSocketConfig({ DATABASE_URL: 'postgres://ws@localhost/auth' })
  t.ok(Math.max(...seconds('proxy_read_timeout')) > IDLE_TIMEOUT_SECONDS, 'the socket server ends silent sockets, not nginx')
  t.equal(seconds('keepalive_timeout').filter(value => value * 1000 < TIMEOUTS.keepAliveTimeout).length, 3, 'nginx closes idle connections to the API, not the API')
  for (const timeout of seconds('proxy_read_timeout').filter(value => value > 8)) t.ok(timeout * 1000 > FINISH_WITHIN_MS, 'the API says itself that it took too long')
  t.equal(valuesOf(configuration, 'client_max_body_size')[0], '17k')
  t.ok(17 * 1024 > BODY_LIMIT)
  t.equal(valuesOf(configuration, 'client_body_buffer_size')[0], '18k', 'or one that is too large would go to disk before it is refused')

  const zones = Object.fromEntries([...configuration.matchAll(/zone=(\w+):10m rate=(\d+)r\/m/g)].map(([, zone, rate]) => [zone!, Number(rate)]))
  const burst = (zone: string) => Number(new RegExp(`limit_req zone=${zone} burst=(\\d+) nodelay`).exec(configuration)![1])
  const all = Object.values<number>(RATE_LIMITS).reduce((sum, limit) => sum + limit)
  t.ok(zones['requests']! >= all && burst('requests') >= all, 'a minute of everything that the API allows, even at once')
  t.ok(zones['passwords']! >= RATE_LIMITS.login && burst('passwords') >= RATE_LIMITS.login + RATE_LIMITS.reauthenticate)
  t.ok(zones['new_sockets']! / 60 >= sockets.WS_CONNECT_RATE && burst('new_sockets') >= sockets.WS_CONNECT_BURST)
})

t.test('answers to an authority that issues certificates are served over plain http, and nothing beside them', { skip: NGINX_MISSING }, async t => {
  const [folder, port, httpPort] = [temporaryFolder(t), await freePort(), await freePort()]
  const { ca, certificatePath, keyPath } = makeCertificate(folder, NAME)
  chmodSync(folder, 0o755)                            // started by root, nginx' workers are another user
  mkdirSync(path.join(folder, '.well-known/acme-challenge'), { recursive: true })
  writeFileSync(path.join(folder, '.well-known/acme-challenge/token'), 'answer')
  await startNginx(t, {
    PUBLIC_URL: `https://${NAME}:${port}`, HTTP_PORT: String(httpPort), LISTEN_ADDRESSES: '127.0.0.1', TLS_CERTIFICATE_PATH: certificatePath, TLS_CERTIFICATE_KEY_PATH: keyPath, ACME_CHALLENGE_DIR: folder
  }, port)
  const { request } = createDoorClient({ host: NAME, port, httpPort, ca })
  const get = (path: string, method = 'GET') => request(path, { http: true, method })
  t.match(await get('/.well-known/acme-challenge/token'), { status: 200, body: 'answer', headers: { 'content-type': 'text/plain', 'x-content-type-options': 'nosniff' } })
  for (const path of ['', 'other', '../../server.key', '%2e%2e/%2e%2e/server.key', '..%2f..%2fserver.key', 'token/']) t.ok([400, 404, 403].includes((await get(`/.well-known/acme-challenge/${path}`)).status), path)
  t.equal((await get('/.well-known/acme-challenge/token', 'POST')).status, 405)
  t.equal((await get('/server.key')).status, 403)
})
