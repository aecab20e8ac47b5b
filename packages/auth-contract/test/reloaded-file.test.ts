import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { ReloadedFile } from '../src/reloaded-file.js'

async function openFile (t: Test, text: string, path = join(t.testdir(), 'numbers')) {
  const logged: string[] = []
  const changes: number[] = []
  await writeFile(path, text)
  const note = (details: unknown, message?: string) => { logged.push(`${message} ${JSON.stringify(details)}`) }
  const file = await ReloadedFile.open({
    setting: 'NUMBER_PATH',
    path,
    parse (text) {
      if (!/^\d+$/.test(text)) throw new Error('not a number')
      return Number(text)
    },
    log: { info: note, error: note },
    onChange: number => changes.push(number)
  })
  t.teardown(() => file.close())
  return { path, file, logged, changes }
}

t.test('a replaced file is read again', async t => {
  const { path, file, changes } = await openFile(t, '1')
  t.equal(await file.look(), false)
  await writeFile(`${path}.new`, '2')
  await rename(`${path}.new`, path)
  t.equal(await file.look(), true)
  t.equal(file.current, 2)
  t.strictSame(changes, [2])
})

t.test('a mistake or a missing file changes nothing, and is told once', async t => {
  const { path, file, logged, changes } = await openFile(t, '1')
  await writeFile(path, 'secret nonsense')
  for (let i = 0; i < 3; i++) t.equal(await file.look(), false)
  t.equal(logged.length, 1)
  t.notMatch(logged.join(), 'secret')
  await rm(path)
  t.equal(await file.look(), false)
  t.equal(file.current, 1)
  t.strictSame(changes, [])
  await writeFile(path, '3')
  t.equal(await file.look(), true)
  t.equal(file.current, 3)
})

t.test('strangers cannot make it look more than once in five seconds', async t => {
  const { path, file } = await openFile(t, '1')
  await writeFile(path, '2')
  t.equal(await file.lookIfDue(), false)
  t.equal(file.current, 1)
})

// Nobody writes into it: whoever opens it waits.
async function hang (path: string): Promise<() => Promise<void>> {
  await rm(path)
  execFileSync('mkfifo', [path])
  return async () => {
    const writer = await open(path, 'w')
    await writer.writeFile('2')
    await writer.close()
  }
}

t.test('a file that hangs keeps nobody from others, nor those who ask for longer than a second', async t => {
  const folder = t.testdir()
  const [hanging, other] = [await openFile(t, '1', join(folder, 'hanging')), await openFile(t, '1', join(folder, 'other'))]
  const goOn = await hang(hanging.path)
  const looking = hanging.file.look()
  await t.rejects(hanging.file.lookIfDue(), { code: 'temporarily_unavailable', cause: { message: /^NUMBER_PATH: .* takes long to be read$/ } })
  t.equal(hanging.file.current, 1)
  await writeFile(other.path, '2')
  t.equal(await other.file.look(), true)
  t.equal(other.file.current, 2)
  await goOn()
  t.equal(await looking, true)
  t.equal(hanging.file.current, 2)
})

t.test('files that hang all together leave threads to sign, are reported once, and are read when they can be', async t => {
  const folder = t.testdir()
  const files = await Promise.all([1, 2, 3, 4, 5].map(async n => await openFile(t, '1', join(folder, String(n)))))
  const goOn = await Promise.all(files.map(async ({ path }) => await hang(path)))
  const looks = files.map(async ({ file }) => await file.look())
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  t.ok(await promisify(sign)('RSA-SHA256', Buffer.from('data'), privateKey))
  while (files.some(({ logged }) => logged.length === 0)) await new Promise(resolve => setTimeout(resolve, 50))
  t.match(files.map(({ logged }) => logged[0]), files.map(() => /^takes long to be read again/))
  for (const each of goOn) await each()
  t.strictSame(await Promise.all(looks), files.map(() => true))
  t.strictSame(files.map(({ file }) => file.current), files.map(() => 2))
  t.strictSame(files.map(({ logged }) => logged.length), files.map(() => 2))
})

t.test('it is found by itself', async t => {
  const { path, file } = await openFile(t, '1')
  await writeFile(path, '2')
  while (file.current !== 2) await new Promise(resolve => setTimeout(resolve, 50))
  t.pass()
})
