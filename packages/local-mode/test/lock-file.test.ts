import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { readLockHolder, takeLock } from '../src/lock-file.js'
import { processIdentity } from '../src/process-identity.js'
import { temporaryFolder } from './fixtures/temporary-folder.js'

const lockPath = (t: Test) => path.join(temporaryFolder(t), 'some.lock')

t.test('a lock is held until it is released, and leaves nothing behind', async t => {
  const file = lockPath(t)
  const first = takeLock(file)
  if (!('lock' in first)) throw new Error('the lock was free')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(takeLock(file), { holder: { pid: process.pid } })
  t.equal(readLockHolder(file)?.port, undefined)
  first.lock.publishPort(5432)
  t.equal(readLockHolder(file)?.port, 5432)
  first.lock.release()
  t.equal(readLockHolder(file), undefined)
  t.same(readdirSync(path.dirname(file)), [])
  t.ok('lock' in takeLock(file))
})

t.test('a lock whose process is gone, or was never written whole, is free', async t => {
  const gone = spawn(process.execPath, ['-e', ''])
  const identity = processIdentity(gone.pid!)
  await once(gone, 'exit')
  for (const stale of [JSON.stringify({ pid: gone.pid, identity }), '', '{"pid":', 'null']) {
    const file = lockPath(t)
    writeFileSync(file, stale)
    t.equal(readLockHolder(file), undefined)
    t.ok('lock' in takeLock(file), stale)
  }
})

t.test('a lock of an earlier process with the same number is free', async t => {
  const file = lockPath(t)
  writeFileSync(file, JSON.stringify({ pid: process.pid, identity: 'an earlier life' }))
  t.ok('lock' in takeLock(file))
})

t.test('a process keeps its identity, and a process that ended has none', async t => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
  const identity = processIdentity(child.pid!)
  t.ok(identity)
  t.equal(processIdentity(child.pid!), identity)
  child.stdin.end()
  await once(child, 'exit')
  t.equal(processIdentity(child.pid!), undefined)
})
