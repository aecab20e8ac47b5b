import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { PROJECT } from './containers/compose-file.js'

// There is no engine where the tests run; what start.sh decides depends on how the client ends, which a script can do, too.
const ENGINE = { info: 'exit 0', compose: 'exit 0' }
const UP = 'compose up --build'

/** A copy of what ./start.sh needs for containers, with a docker command that notes how it was called. */
function createPlace (t: Test, { info, compose }: { info: string, compose: string }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'start-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['start.sh', 'scripts']) cpSync(path.join(PROJECT, name), path.join(folder, name), { recursive: true })
  const [bin, notes] = [path.join(folder, 'bin'), path.join(folder, 'notes')]
  mkdirSync(bin)
  writeFileSync(path.join(bin, 'docker'), `#!/bin/sh\necho "$*" >> ${notes}\ncase "$*" in info) ${info} ;; 'compose version') ${compose} ;; esac\n`)
  chmodSync(path.join(bin, 'docker'), 0o755)
  return {
    folder,
    bin,
    file: (name: string) => readFileSync(path.join(folder, name), 'utf8'),
    start (args: string[], env: NodeJS.ProcessEnv = {}) {
      writeFileSync(notes, '')
      const { status, stdout, stderr } = spawnSync(path.join(folder, 'start.sh'), args, { env: { PATH: `${bin}:${process.env['PATH']}`, ...env }, encoding: 'utf8' })
      return { status, stdout, stderr, calls: readFileSync(notes, 'utf8').trim().split('\n') }
    }
  }
}

/** As local mode of this copy would end, which has no package.json. */
const LOCAL = { status: 1, stderr: /npm/ }

t.test('an engine that answers: keys and secrets once, then docker compose; the next start finds them', async t => {
  const place = createPlace(t, ENGINE)
  const first = place.start([])
  t.match(first, { status: 0, stderr: '' })
  t.equal(first.calls.at(-1), UP)
  t.match(first.stdout, /http:\/\/localhost:3000\/\n[^]*testuser \/ password123/)
  const owner = process.getuid!() === 0 ? '65532:65532' : `${process.getuid!()}:${process.getgid!()}`
  t.equal(place.file('.env'), `RUN_AS=${owner}\nCOMPOSE_PROFILES=development\n`)

  const statOf = (name: string) => statSync(path.join(place.folder, 'secrets', name))
  t.equal(statOf('').mode & 0o777, 0o700)
  for (const name of ['database-url-api', 'redis-url-ws', 'amqp-url', 'keys/private.pem', 'keys/password.pepper']) {
    t.match(statOf(name), { uid: Number(owner.split(':')[0]), gid: Number(owner.split(':')[1]) }, name)
    t.equal(statOf(name).mode & 0o777, 0o400, name)
  }
  for (const name of ['postgres-passwords.sql', 'redis-users.acl', 'rabbitmq-definitions.json']) {
    t.equal(statOf(name).mode & 0o777, 0o444, name)
    for (const url of ['database-url-api', 'redis-url-api', 'amqp-url']) t.notOk(place.file(`secrets/${name}`).includes(new URL(place.file(`secrets/${url}`)).password), `${name}: hashes only`)
  }
  t.equal(place.file('secrets/public-keys/public.pem'), place.file('secrets/keys/public.pem'))

  const kept = ['secrets/keys/private.pem', 'secrets/database-url-api', '.env']
  const before = kept.map(place.file)
  t.equal(place.start(['--docker'], { API_PORT: '5100' }).calls.at(-1), UP)
  t.strictSame(kept.map(place.file), before)

  // To production: .env has to agree, and there has to be a certificate.
  const PUBLIC_URL = 'https://auth.example.test'
  t.match(place.start(['--docker'], { PUBLIC_URL }), { status: 1, stderr: /^COMPOSE_PROFILES in \.env must be production, .*\n$/ })
  rmSync(path.join(place.folder, '.env'))
  t.match(place.start(['--docker'], { PUBLIC_URL }), { status: 1, stderr: /^secrets\/tls\/certificate\.pem is missing: .*\n$/ })
  for (const name of ['certificate.pem', 'private-key.pem']) writeFileSync(path.join(place.folder, 'secrets/tls', name), '')
  const started = place.start(['--docker'])
  t.match(started, { status: 0, stdout: /https:\/\/auth\.example\.test\/ answers/ }, 'it remembers PUBLIC_URL')
  t.equal(started.calls.at(-1), UP)
  t.match(place.file('.env'), /^COMPOSE_PROFILES=production\nPUBLIC_URL=https:\/\/auth\.example\.test$/m)
})

t.test('no engine, one that hangs, no plugin: local mode, or one sentence with --docker', async t => {
  for (const [docker, sentence] of [
    [{ ...ENGINE, info: 'exit 1' }, /^No Docker engine answers/],
    [{ ...ENGINE, info: 'exec sleep 60' }, /^No Docker engine answers/],
    [{ ...ENGINE, compose: 'exit 1' }, /^The compose plugin/]
  ] as const) {
    const place = createPlace(t, docker)
    const refused = place.start(['--docker'])
    t.match(refused, { status: 1, stdout: '', stderr: sentence })
    t.equal(refused.stderr.trim().split('\n').length, 1)
    if (!docker.info.includes('sleep')) t.match(place.start([]), LOCAL)
  }
})

t.test('--local, and settings that only local mode has, leave an engine alone', async t => {
  const place = createPlace(t, ENGINE)
  for (const [args, env] of [[['--local'], {}], [[], { DATA_DIR: 'data' }], [[], { KEYS_DIR: 'keys2' }], [[], { DATABASE_URL: 'postgres://db/auth' }]] as const) {
    t.match(place.start([...args], env), LOCAL)
  }
  t.match(place.start(['--local', '--docker']), { status: 1, stderr: '--local and --docker exclude each other.\n' })
  t.match(place.start(['--dokcer']), { status: 1, stderr: /^Unknown option --dokcer/ })
})

t.test('without Node.js its image makes the secrets', async t => {
  const place = createPlace(t, ENGINE)
  for (const program of ['bash', 'sh', 'dirname', 'id', 'sed', 'tail', 'grep', 'cat', 'sleep', 'env']) symlinkSync(spawnSync('which', [program], { encoding: 'utf8' }).stdout.trim(), path.join(place.bin, program))
  const { calls } = place.start(['--docker'], { PATH: place.bin })
  t.match(calls.at(-2), /^run --rm --user \d+:\d+ --env RUN_AS --volume .*:\/project --workdir \/project node:22-bookworm-slim node scripts\/container-secrets\.mjs$/)
  t.equal(calls.at(-1), UP)
})
