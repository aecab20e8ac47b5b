import t, { type Test } from 'tap'
import { Supervised, type Running } from '../src/supervised.js'

/** Something to supervise that starts and ends when the test says so. */
function puppet (t: Test) {
  const running: { end: (reason: string) => void, stopped: boolean }[] = []
  const crashes: { reason: string, pause: number }[] = []
  let failures: string[] = []
  let tell = () => {}
  const launch = async (): Promise<Running> => {
    queueMicrotask(() => tell())
    const failure = failures.shift()
    if (failure !== undefined) throw new Error(failure)
    let end: (reason: string) => void = () => {}
    const exited = new Promise<string>(resolve => { end = resolve })
    const entry = { end, stopped: false }
    running.push(entry)
    return { exited, stop: async () => { entry.stopped = true; end('stopped') } }
  }
  const supervised = new Supervised({ launch, onCrash: (reason, pause) => crashes.push({ reason, pause }) })
  t.teardown(() => supervised.stop())
  return {
    supervised,
    running,
    crashes,
    failNext: (...reasons: string[]) => { failures = reasons },
    untilRunning: async (count: number) => {
      while (running.length < count) await new Promise<void>(resolve => { tell = resolve })
    }
  }
}

t.test('what fails at its first launch is not tried again', async t => {
  const { supervised, crashes, running, failNext } = puppet(t)
  failNext('exit code 1')
  await t.rejects(supervised.start(), { message: 'exit code 1' })
  t.same(crashes, [])
  t.same(running, [])
})

t.test('what ends is started again, after a pause that grows with each crash', async t => {
  const { supervised, crashes, running, failNext, untilRunning } = puppet(t)
  await supervised.start()
  failNext('exit code 2')
  running[0]!.end('SIGKILL')
  await untilRunning(2)
  t.same(crashes, [{ reason: 'SIGKILL', pause: 500 }, { reason: 'exit code 2', pause: 1000 }])
})

t.test('stop ends it and it stays ended, however often it is called', async t => {
  const { supervised, crashes, running } = puppet(t)
  await supervised.start()
  await Promise.all([supervised.stop(), supervised.stop()])
  await supervised.stop()
  t.equal(running.length, 1)
  t.ok(running[0]!.stopped)
  t.same(crashes, [])
})

t.test('stop in the pause before a restart prevents the restart', async t => {
  const { supervised, crashes, running } = puppet(t)
  await supervised.start()
  running[0]!.end('SIGKILL')
  while (crashes.length === 0) await new Promise(resolve => setImmediate(resolve))
  await supervised.stop()
  t.equal(running.length, 1)
})

t.test('stop while it is starting gives up, and start rejects', async t => {
  let launched = false
  const supervised = new Supervised({
    launch: giveUp => new Promise((_resolve, reject) => {
      launched = true
      giveUp.addEventListener('abort', () => reject(new Error('gave up')))
    }),
    onCrash: () => t.fail('nothing crashed')
  })
  const starting = supervised.start()
  t.ok(launched)
  await Promise.all([supervised.stop(), t.rejects(starting, { message: 'gave up' })])
})

t.test('what becomes ready although it was told to give up is stopped', async t => {
  let stopped = false
  let becomeReady: (running: Running) => void = () => {}
  const supervised = new Supervised({ launch: () => new Promise(resolve => { becomeReady = resolve }), onCrash: () => {} })
  const starting = supervised.start()
  const stopping = supervised.stop()
  becomeReady({ exited: new Promise(() => {}), stop: async () => { stopped = true } })
  await t.rejects(starting)
  await stopping
  t.ok(stopped)
})
