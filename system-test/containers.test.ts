import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DCLinter } from 'dclint'
import { DockerfileParser } from 'dockerfile-ast'
import t from 'tap'
import { parseDuration, settingsInFiles } from '@fastify-uws-auth/auth-contract'
import type { TObject } from 'typebox'
import { AdminConfig } from '../fastify-api/src/admin/admin-config.js'
import { ApiConfig, loadApiConfig } from '../fastify-api/src/config.js'
import { OwnerConfig } from '../fastify-api/src/owner-config.js'
import { WORKER_STOPS_WITHIN_MS, apiStopsWithinMs } from '../fastify-api/src/stop-time.js'
import { WorkerConfig } from '../fastify-api/src/worker-config.js'
import { SocketConfig, loadSocketConfig } from '../uws-server/src/config.js'
import { stopsWithinMs } from '../uws-server/src/stop-time.js'
import { PROJECT, composeText, networksOf, readCompose, secretsOf, type ComposeService } from './containers/compose-file.js'

const { services, networks, secrets, configs } = readCompose()
const all = Object.entries(services)
const read = (file: string) => readFileSync(path.join(PROJECT, file), 'utf8')

t.test('docker-compose.yml fits the schema of compose files and what is called good practice', async t => {
  const folder = mkdtempSync(path.join(tmpdir(), 'compose-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'docker-compose.yml')
  writeFileSync(file, composeText())
  const taste = ['service-keys-order', 'services-alphabetical-order', 'top-level-properties-order', 'require-quotes-in-ports', 'service-ports-alphabetical-order', 'service-dependencies-alphabetical-order']
  const lint = () => new DCLinter({ rules: Object.fromEntries(taste.map(rule => [rule, 0])), quiet: false, debug: false, exclude: [] }).lintFiles([file], false)[0]!
  t.strictSame(lint().messages, [])
  writeFileSync(file, composeText().replace('cap_drop:', 'cap_dropp:'))
  t.match(lint(), { errorCount: 1 }, 'the linter finds a wrong key')
})

t.test('every container: nobody\'s user, nothing writable, no capabilities, limits', async t => {
  for (const [name, service] of all) {
    t.match(service, { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], logging: { driver: 'local' } }, name)
    t.notMatch(String(service.user ?? 'root'), /^(root|0)(:|$)/, `${name}: user ${service.user}`)
    for (const key of ['privileged', 'cap_add', 'devices', 'pid', 'ipc', 'network_mode', 'userns_mode', 'expose', 'extra_hosts']) t.notOk(key in service, `${name}: ${key}`)
    const { cpus, memory, pids } = service.deploy!.resources.limits
    t.ok(memory && pids, `${name}: memory and processes`)
    t.equal(cpus === undefined, name.startsWith('api'), `${name}: a quota of processor time, but not for who hashes passwords`)
    t.match(service['restart'], ['migrate', 'admin'].includes(name) ? 'no' : 'unless-stopped', name)
    for (const mount of service.volumes ?? []) {
      if (typeof mount === 'string') t.match(mount, /^(postgres|rabbitmq):/, `${name}: only stores keep anything`)
      else t.match(mount, { type: 'bind', read_only: true, source: /^\.\/secrets\// }, `${name}: ${mount.source}`)
    }
    for (const mount of service.tmpfs ?? []) t.match(mount, /:size=\d+m,mode=1777$/, `${name}: ${mount}`)
  }
})

t.test('only nginx can be reached from outside, and the stores only from inside', async t => {
  t.strictSame(all.filter(([, { ports }]) => ports).map(([name]) => name), ['nginx', 'nginx-development'])
  for (const port of services['nginx-development']!.ports!) t.match(port, /^127\.0\.0\.1:/, 'the demo account is for this machine only')
  t.strictSame(Object.fromEntries(all.map(([name, service]) => [name, networksOf(service).join(' ')])), {
    nginx: 'edge front',
    'nginx-development': 'edge front',
    api: 'back front',
    'api-development': 'back front',
    ws: 'back front',
    worker: 'back outbound',
    migrate: 'back',
    admin: 'back',
    postgres: 'back',
    redis: 'back',
    rabbitmq: 'back'
  })
  t.strictSame(Object.entries(networks).filter(([, network]) => network?.internal).map(([name]) => name), ['front', 'back'], 'who is in no other network has no way out')
  const address = (name: string) => (services[name]!.networks as Record<string, { ipv4_address: string }>)['front']!.ipv4_address
  for (const name of ['api', 'api-development', 'ws']) t.equal(services[name]!.environment!['TRUSTED_PROXIES'], address('nginx'), `${name} believes nginx and nobody else`)
  t.match(services['nginx']!.environment, { API_UPSTREAMS: `${address('api')}:3000`, WS_UPSTREAMS: `${address('ws')}:3001` })
})

t.test('each service gets its own secrets, as files', async t => {
  t.strictSame(Object.fromEntries(all.map(([name, service]) => [name, Object.keys(secretsOf(service)).join(' ')]).filter(([, names]) => names !== '')), {
    api: 'database-url-api redis-url-api',
    'api-development': 'database-url-api redis-url-api',
    ws: 'database-url-ws redis-url-ws',
    worker: 'database-url-worker amqp-url smtp-url',
    migrate: 'database-url-auth_owner',
    admin: 'database-url-auth_owner amqp-url',
    postgres: 'postgres-first-password postgres-passwords',
    redis: 'redis-users',
    rabbitmq: 'rabbitmq-definitions'
  })
  const keys = all.map(([name, { volumes = [] }]) => [name, volumes.flatMap(mount => typeof mount !== 'string' && mount.target.startsWith('/run/keys') ? [mount.source] : []).join()])
  t.strictSame(Object.fromEntries(keys.filter(([, source]) => source !== '')), { api: './secrets/keys', 'api-development': './secrets/keys', ws: './secrets/public-keys', admin: './secrets/keys/password.pepper' })
  for (const { file } of Object.values(secrets)) t.match(file, /^\.\/secrets\//)
  for (const { file } of Object.values(configs)) t.ok(statSync(path.join(PROJECT, file)).isFile(), file)
  for (const [name, { environment = {} }] of all) t.notMatch(Object.values(environment).join('\n'), /:\/\/[^/]*@|BEGIN/, `${name}: no secret in the environment`)
  const outside = ['secrets/amqp-url', '.env', 'services.env']
  t.strictSame(spawnSync('git', ['check-ignore', ...outside], { cwd: PROJECT, encoding: 'utf8' }).stdout.trim().split('\n'), outside, 'git does not see them')
})

t.test('every setting that a service is given is one that its program knows', async t => {
  const schemas: Record<string, TObject[]> = { api: [ApiConfig], 'api-development': [ApiConfig], ws: [SocketConfig], worker: [WorkerConfig], migrate: [OwnerConfig], admin: [OwnerConfig, AdminConfig] }
  for (const [name, schema] of Object.entries(schemas)) {
    const known = schema.flatMap(one => [...Object.keys(one.properties), ...settingsInFiles(one).map(setting => `${setting}_FILE`)])
    t.strictSame(Object.keys(services[name]!.environment!).filter(setting => !known.includes(setting)), [], name)
  }
  const template = read('nginx/configure.sh')
  for (const setting of Object.keys(services['nginx']!.environment!)) t.ok(template.includes(`\${${setting}:-`), `nginx: ${setting}`)
})

t.test('each has the time to stop that it may take', async t => {
  const graceOf = (name: string) => parseDuration(services[name]!.stop_grace_period!).milliseconds
  const env = { DATABASE_URL: 'postgres://x' }
  t.ok(graceOf('api') > apiStopsWithinMs(loadApiConfig(env)), 'api')
  t.ok(graceOf('worker') > WORKER_STOPS_WITHIN_MS, 'worker')
  t.ok(graceOf('ws') > stopsWithinMs(loadSocketConfig(env)), 'ws')
  t.ok(graceOf('nginx') >= graceOf('ws'), 'nginx lets sockets hear goodbye')
  t.notOk('depends_on' in services['nginx']!, 'or it would be stopped before the others are')
})

t.test('nothing starts before what it needs, and all are looked after', async t => {
  const ready = { migrate: { condition: 'service_completed_successfully' }, postgres: { condition: 'service_healthy' } }
  for (const name of ['api', 'api-development', 'ws', 'admin']) t.strictSame(services[name]!.depends_on, ready, name)
  t.strictSame(services['worker']!.depends_on, { ...ready, rabbitmq: { condition: 'service_healthy' } })
  t.strictSame(services['migrate']!.depends_on, { postgres: { condition: 'service_healthy' } })
  for (const name of ['worker', 'postgres', 'redis', 'rabbitmq']) t.ok(services[name]!.healthcheck?.test, name)
  t.strictSame(all.filter(([, { healthcheck }]) => healthcheck?.disable).map(([name]) => name), ['migrate', 'admin'])
})

t.test('development is one profile, production another, and PUBLIC_URL reaches all of them', async t => {
  const profilesOf = (service: ComposeService) => service.profiles?.join() ?? ''
  t.strictSame(Object.fromEntries(all.map(([name, service]) => [name, profilesOf(service)]).filter(([, profiles]) => profiles !== '')), {
    nginx: 'production', 'nginx-development': 'development', api: 'production', 'api-development': 'development', admin: 'admin'
  })
  t.equal(services['api-development']!.environment!['SEED_DEMO_USER'], 'true')
  t.notOk('SEED_DEMO_USER' in services['api']!.environment!)
  const named = readCompose({ PUBLIC_URL: 'https://auth.example.test' }).services
  for (const name of ['nginx', 'api', 'worker']) t.equal(named[name]!.environment!['PUBLIC_URL'], 'https://auth.example.test', name)
  for (const name of ['api', 'ws']) t.equal(named[name]!.environment!['ALLOWED_ORIGINS'], 'https://auth.example.test', name)
  t.equal(readCompose({ API_PORT: '5100' }).services['ws']!.environment!['ALLOWED_ORIGINS'], 'http://localhost:5100')
})

t.test('images: a tag, and a place for the digest; the Dockerfile takes nothing from anywhere else', async t => {
  const pinned = readCompose({ NODE_IMAGE: 'n:1@sha256:a', NGINX_IMAGE: 'x:1@sha256:b', POSTGRES_IMAGE: 'p:1@sha256:c', REDIS_IMAGE: 'r:1@sha256:d', RABBITMQ_IMAGE: 'q:1@sha256:e' }).services
  const imagesOf = (service: ComposeService) => service.image ?? Object.values(service.build!.args).join()
  for (const [name, service] of Object.entries(services)) {
    t.match(imagesOf(service), /^[a-z]+:\d[\w.-]*$/, `${name}: ${imagesOf(service)}`)
    t.match(imagesOf(pinned[name]!), /@sha256:[a-e]$/, `${name}: can be pinned`)
  }
  const dockerfile = DockerfileParser.parse(read('Dockerfile'))
  const stages = dockerfile.getFROMs().map(from => from.getBuildStage())
  const args = dockerfile.getInitialARGs().map(arg => arg.getProperty()!)
  t.strictSame(args.map(arg => [arg.getName(), arg.getValue()]), [['NODE_IMAGE', services['api']!.build!.args['NODE_IMAGE']], ['NGINX_IMAGE', services['nginx']!.build!.args['NGINX_IMAGE']]])
  for (const from of dockerfile.getFROMs()) t.ok(stages.includes(from.getImage()!) || /^\$\{(NODE|NGINX)_IMAGE\}$/.test(from.getImage()!), from.getImage()!)
  for (const [name, { build }] of all) if (build) t.ok(stages.includes(build.target), `${name}: ${build.target}`)
  const runs = dockerfile.getInstructions().filter(instruction => instruction.getKeyword() === 'RUN').map(instruction => instruction.getArgumentsContent()!)
  t.notMatch(runs.join('\n'), /curl|wget|apt|npm (i|install|exec) |sudo/, 'nothing is fetched but by npm ci, which goes by the lock file')
  t.notOk(dockerfile.getInstructions().some(instruction => ['ADD', 'VOLUME', 'ONBUILD'].includes(instruction.getKeyword())))
})
