import { execFile, spawnSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { parsePemBundle } from '@fastify-uws-auth/auth-contract'
import { temporaryFolder } from './fixtures/temporary-folder.js'

const SCRIPT = fileURLToPath(new URL('../../../generate-keys.sh', import.meta.url))
const FILES = ['password.pepper', 'private.pem', 'public.pem', 'refresh-token.pepper']

function keyFolder (t: Test) {
  const folder = path.join(temporaryFolder(t), 'keys')
  const file = (name: string) => path.join(folder, name)
  return {
    folder,
    file,
    generate: (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(SCRIPT, args, { env: { PATH: process.env['PATH'], KEYS_DIR: folder }, encoding: 'utf8' })
      return { status, stdout, stderr, kid: /^kid (\S+)$/m.exec(stdout)?.[1] ?? '' }
    },
    blocks: (name: string) => parsePemBundle(readFileSync(file(name), 'utf8')),
    lines: (name: string) => readFileSync(file(name), 'utf8').trimEnd().split('\n'),
    contents: () => readdirSync(folder).map(name => readFileSync(file(name), 'utf8'))
  }
}

t.test('the first call makes a 4096-bit key pair and both peppers, private ones readable by their owner alone', async t => {
  const { folder, file, generate, blocks, lines } = keyFolder(t)
  t.equal(generate().status, 0)
  t.same(readdirSync(folder).sort(), FILES)
  for (const name of FILES) t.equal(statSync(file(name)).mode & 0o777, name === 'public.pem' ? 0o644 : 0o400, name)
  t.equal(createPublicKey(blocks('public.pem')[0]!.pem).asymmetricKeyDetails?.modulusLength, 4096)
  for (const name of ['password.pepper', 'refresh-token.pepper']) {
    const [version, secret] = lines(name)[0]!.split(':')
    t.equal(version, '1')
    t.equal(Buffer.from(secret!, 'base64').length, 32)
  }
})

t.test('--bits chooses the size, and the halves belong together', async t => {
  const { generate, blocks } = keyFolder(t)
  t.equal(generate('--bits', '3072').status, 0)
  const [publicHalf, privateHalf] = [createPublicKey(blocks('public.pem')[0]!.pem), createPublicKey(blocks('private.pem')[0]!.pem)]
  t.equal(publicHalf.asymmetricKeyDetails?.modulusLength, 3072)
  t.ok(publicHalf.equals(privateHalf))
})

t.test('keys that are there are never overwritten', async t => {
  const { file, generate, contents } = keyFolder(t)
  generate('--bits', '2048')
  const before = contents()
  const again = generate('--bits', '2048')
  t.equal(again.status, 1)
  t.match(again.stderr, /--rotate/)
  t.same(contents(), before)

  rmSync(file('password.pepper'))
  const incomplete = generate('--bits', '2048')
  t.equal(incomplete.status, 1)
  t.match(incomplete.stderr, /password\.pepper/)
  t.same(contents().length, 3)
})

t.test('of two that make keys in one folder at once, one does', async t => {
  const { folder, blocks } = keyFolder(t)
  const generate = () => new Promise<{ failed: boolean, stderr: string }>(resolve => {
    execFile(SCRIPT, ['--bits', '2048'], { env: { PATH: process.env['PATH'], KEYS_DIR: folder } }, (err, _stdout, stderr) => resolve({ failed: err !== null, stderr }))
  })
  const made = await Promise.all([generate(), generate(), generate()])
  t.equal(made.filter(({ failed }) => !failed).length, 1)
  for (const { stderr } of made.filter(({ failed }) => failed)) t.match(stderr, /^generate-keys: .*(another process makes keys|but not|has its keys already)/)
  t.same(readdirSync(folder).sort(), FILES)
  t.ok(createPublicKey(blocks('private.pem')[0]!.pem).equals(createPublicKey(blocks('public.pem')[0]!.pem)), 'the halves belong together')
})

t.test('drafts of a process that was killed do not stay, those of a dropped key not for a moment', async t => {
  const { folder, file, generate } = keyFolder(t)
  const { kid } = generate('--bits', '2048')
  const drafts = ['private.pem.0123abcd.new', 'public.pem.0123abcd.new', 'public.pem.456789ef.new']
  for (const name of drafts) writeFileSync(file(name), 'x')
  const longAgo = new Date(Date.now() - 120_000)
  utimesSync(file(drafts[1]!), longAgo, longAgo)
  t.equal(generate('--rotate', '--bits', '2048').status, 0)
  t.same(readdirSync(folder).filter(name => name.endsWith('.new')).sort(), [drafts[0], drafts[2]])
  t.equal(generate('--drop', kid).status, 0)
  t.same(readdirSync(folder).filter(name => name.endsWith('.new')), [drafts[2]])
})

t.test('a link that leads nowhere is a file that is there', async t => {
  const { folder, file, generate } = keyFolder(t)
  mkdirSync(folder)
  symlinkSync('/nonexistent/key', file('private.pem'))
  const { status, stderr } = generate('--bits', '2048')
  t.equal(status, 1)
  t.match(stderr, /holds private\.pem but not /)
  t.same(readdirSync(folder), ['private.pem'])
})

t.test('--rotate adds a key and keeps what still verifies and what still signs', async t => {
  const { file, generate, blocks } = keyFolder(t)
  generate('--bits', '2048')
  const first = { public: blocks('public.pem'), private: blocks('private.pem') }
  const rotated = generate('--rotate', '--bits', '2048')
  t.equal(rotated.status, 0)
  t.same(blocks('public.pem').slice(0, 1), first.public)
  t.same(blocks('private.pem').slice(0, 1), first.private)
  t.equal(blocks('public.pem').length, 2)
  t.equal(statSync(file('private.pem')).mode & 0o777, 0o400)
  t.equal(statSync(file('public.pem')).mode & 0o777, 0o644)

  generate('--rotate', '--bits', '2048')
  t.equal(blocks('private.pem').length, 3, 'nothing was published long enough to take over from the first')
})

t.test('--rotate forgets a private key that a published one has replaced', async t => {
  const { file, generate, blocks } = keyFolder(t)
  generate('--bits', '2048')
  generate('--rotate', '--bits', '2048')
  const aged = readFileSync(file('private.pem'), 'utf8').replace(/^Created: .*$/gm, 'Created: 2020-01-01T00:00:00.000Z')
  rmSync(file('private.pem'))                           // it is read-only
  writeFileSync(file('private.pem'), aged)
  const second = blocks('private.pem')[1]!.pem
  generate('--rotate', '--bits', '2048')
  t.equal(blocks('private.pem').length, 2)
  t.equal(blocks('private.pem')[0]!.pem, second)
  t.equal(blocks('public.pem').length, 3)
})

t.test('--drop removes one key from both files, but not the last one that signs', async t => {
  const { generate, blocks, contents } = keyFolder(t)
  const { kid: first } = generate('--bits', '2048')
  const before = contents()
  t.equal(generate('--drop', first).status, 1)
  for (const kid of ['unknown', '-begins-with-a-dash']) t.match(generate('--drop', kid), { status: 1, stderr: `no key ${kid}` })
  t.same(contents(), before)

  generate('--rotate', '--bits', '2048')
  const kept = blocks('public.pem')[1]!.pem
  t.equal(generate('--drop', first).status, 0)
  t.same(blocks('public.pem').map(({ pem }) => pem), [kept])
  t.equal(blocks('private.pem').length, 1)
})

t.test('--drop does not bring a retired key back', async t => {
  const { file, generate, blocks } = keyFolder(t)
  generate('--bits', '2048')
  const { kid } = generate('--rotate', '--bits', '2048')
  generate('--rotate', '--bits', '2048')
  const newest = blocks('public.pem')[2]!.pem
  // The first two were made long ago, so the first was retired long ago.
  const text = readFileSync(file('public.pem'), 'utf8')
  let seen = 0
  rmSync(file('public.pem'))
  writeFileSync(file('public.pem'), text.replace(/Created: .+/g, line => seen++ < 2 ? `Created: 2026-01-0${seen}T00:00:00.000Z` : line))
  t.equal(generate('--drop', kid).status, 0)
  t.same(blocks('public.pem').map(({ pem }) => pem), [newest])
})

t.test('PUBLIC_KEYS_DIR gets every change of the public keys and nothing else', async t => {
  const { folder, file } = keyFolder(t)
  const publicFolder = path.join(path.dirname(folder), 'public')
  for (const args of [['--bits', '2048'], ['--rotate', '--bits', '2048'], ['--rotate-pepper', 'refresh']]) {
    t.equal(spawnSync(SCRIPT, args, { env: { PATH: process.env['PATH'], KEYS_DIR: folder, PUBLIC_KEYS_DIR: publicFolder } }).status, 0, args.join(' '))
    t.same(readdirSync(publicFolder), ['public.pem'])
    t.equal(readFileSync(path.join(publicFolder, 'public.pem'), 'utf8'), readFileSync(file('public.pem'), 'utf8'))
  }
})

t.test('--rotate-pepper adds a version and keeps the ones before', async t => {
  const { file, generate, lines } = keyFolder(t)
  generate('--bits', '2048')
  const [first] = lines('password.pepper')
  const other = lines('refresh-token.pepper')
  t.equal(generate('--rotate-pepper', 'password').status, 0)
  t.equal(lines('password.pepper')[0], first)
  t.match(lines('password.pepper')[1], /^2:/)
  t.same(lines('refresh-token.pepper'), other)
  t.equal(statSync(file('password.pepper')).mode & 0o777, 0o400)
})

t.test('a mistake is one sentence, exit code 1, and nothing is written', async t => {
  const { folder, generate } = keyFolder(t)
  const mistakes = [['--bits', '1024'], ['--bits'], ['--unknown'], ['--rotate-pepper', 'salt'], ['--rotate-pepper', 'constructor'],
    ['--rotate', '--drop', 'x'], ['--rotate'], ['--drop', 'x'], ['extra']]
  for (const args of mistakes) {
    const { status, stdout, stderr } = generate(...args)
    t.equal(status, 1, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, /^generate-keys: /)
    t.notMatch(stderr, /\n {4}at /, 'no stack')
  }
  t.throws(() => readdirSync(folder))
  writeFileSync(folder, 'a file where the folder should be')
  t.match(generate('--bits', '2048').stderr, /^generate-keys: cannot write .*\n$/)
})
