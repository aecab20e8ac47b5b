import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createOtherUser, get, login, refresh, startApi } from './fixtures/api.js'
import { runProgram } from './fixtures/programs.js'

const ADMIN = new URL('../../packages/local-mode/dist/admin.js', import.meta.url)
const PASSWORD = 'correct horse battery staple'

t.test('administration', async t => {
  const api = await startApi(t)
  const { app, database: { connectionString, pool }, env } = api
  const settings = { DATABASE_URL: connectionString, PASSWORD_PEPPER_PATH: env['PASSWORD_PEPPER_PATH'], BCRYPT_COST: '4' }
  const admin = (args: string[], input = '', overrides: NodeJS.ProcessEnv = {}) => runProgram('packages/local-mode/dist/admin.js', args, { ...settings, ...overrides }, input)
  const signIn = (username: string, password: string) => app.inject({ method: 'POST', url: '/api/login', payload: { username, password } })

  t.test('an account made with a piped password can sign in, by name and by address', async t => {
    t.match(await admin(['user', 'create', 'Ada', '--email', 'Ada@Example.test'], `${PASSWORD}\nnot this line\n`), { code: 0, stdout: 'Created ada.\n', stderr: '' })
    for (const identifier of ['ada', 'ada@example.test']) t.equal((await signIn(identifier, PASSWORD)).statusCode, 200)
    t.match(await admin(['user', 'create', 'spaces'], ` ${PASSWORD} `), { code: 0 })
    t.equal((await signIn('spaces', PASSWORD)).statusCode, 401, 'a password is taken as it is')
    t.equal((await signIn('spaces', ` ${PASSWORD} `)).statusCode, 200)
  })

  t.test('what cannot be an account is refused in one sentence', async t => {
    const before = (await pool.query('select from users')).rowCount
    const cases: Array<[args: string[], input: string, reason: RegExp]> = [
      [['user', 'create', 'ada'], PASSWORD, /taken/], [['user', 'create', 'ada2', '--email', 'ADA@example.test'], PASSWORD, /taken/],
      [['user', 'create', 'not a name'], PASSWORD, /3 to 64/], [['user', 'create', 'bob', '--email', 'nonsense'], PASSWORD, /e-mail/],
      [['user', 'create', 'bob'], '', /too_short/], [['user', 'create', 'bob'], 'x'.repeat(1025), /too_long/],
      [['user', 'create', 'bob'], 'my name is Bob and nothing else', /contains_identity/]
    ]
    await Promise.all(cases.map(async ([args, input, reason]) => {
      const { code, stdout, stderr } = await admin(args, input)
      t.match({ code, stdout }, { code: 1, stdout: '' })
      t.match(stderr, reason)
      t.match(stderr, /^admin: [^\n]+\n$/)
    }))
    t.equal((await pool.query('select from users')).rowCount, before)
  })

  t.test('the list has every account and no secret', async t => {
    const { stdout } = await admin(['user', 'list'])
    t.match(stdout, /\tada\tada@example\.test\t\S+\tenabled\n/)
    t.match(stdout, /\d+ accounts\n$/)
    t.notMatch(stdout, /\$2b\$|\$argon2/)
  })

  t.test('disabling ends the sessions and refuses sign-in; enabling brings back neither the sessions nor a new password', async t => {
    const user = await createOtherUser(api, 'dora')
    const sessions = [await login(app, user), await login(app, user)]
    t.match(await admin(['user', 'disable', 'DORA']), { code: 0, stdout: 'Disabled dora; 2 session(s) ended.\n' })
    t.equal((await signIn(user.username, user.password)).json().code, 'invalid_credentials')
    for (const { refreshToken } of sessions) t.equal((await refresh(app, refreshToken)).statusCode, 401)
    t.same((await pool.query('select distinct reason from revocations where user_id = $1', [sessions[0]!.userId])).rows, [{ reason: 'user_disabled' }])
    t.match((await admin(['user', 'list'])).stdout, /\tdora\t.*\tdisabled \d{4}-/)
    t.match(await admin(['user', 'disable', 'dora']), { code: 0, stdout: 'Disabled dora; 0 session(s) ended.\n' })
    t.match(await admin(['user', 'enable', 'dora']), { code: 0, stdout: 'Enabled dora.\n' })
    t.equal((await refresh(app, sessions[0]!.refreshToken)).statusCode, 401)
    await login(app, user)
  })

  t.test('a new password ends the sessions and replaces the old one', async t => {
    const user = await createOtherUser(api, 'emil')
    const { refreshToken, accessToken } = await login(app, user)
    const bystander = await login(app)
    t.match(await admin(['user', 'set-password', 'emil'], 'short'), { code: 1, stderr: /too_short/ })
    await login(app, user)
    t.match(await admin(['user', 'set-password', 'emil'], PASSWORD), { code: 0, stdout: 'Changed the password of emil; 2 session(s) ended.\n' })
    t.equal((await refresh(app, refreshToken)).statusCode, 401)
    t.equal((await get(app, '/api/protected', accessToken)).statusCode, 401)
    t.equal((await signIn('emil', user.password)).statusCode, 401)
    await login(app, { username: 'emil', password: PASSWORD })
    t.equal((await refresh(app, bystander.refreshToken)).statusCode, 200)
  })

  t.test('sessions are listed with what identifies them, and end one by one or all', async t => {
    const user = await createOtherUser(api, 'fay')
    const [one, two, three] = [await login(app, user, { 'user-agent': 'browser \x1b[31m\u00e9' }), await login(app, user), await login(app, user)]
    const { stdout } = await admin(['session', 'list', 'fay'])
    t.match(stdout, new RegExp(`${one.sessionId}\\tsince \\S+\\tused within the hour of \\d{4}-\\d\\d-\\d\\dT\\d\\d:00Z\\tuntil \\S+\\t127\\.0\\.0\\.1\\tbrowser \\?\\[31m\\?\\n`))
    t.match(stdout, /\n3 live sessions\n$/)
    t.match(await admin(['session', 'end', one.sessionId]), { code: 0, stdout: `Ended ${one.sessionId}.\n` })
    t.match(await admin(['session', 'end', one.sessionId]), { code: 1, stderr: /has ended already/ })
    t.equal((await refresh(app, one.refreshToken)).statusCode, 401)
    t.equal((await refresh(app, two.refreshToken)).statusCode, 200)
    t.match(await admin(['session', 'end', '--all', 'fay']), { code: 0, stdout: 'Ended 2 session(s) of fay.\n' })
    t.equal((await refresh(app, three.refreshToken)).statusCode, 401)
    t.match(await admin(['session', 'list', 'fay']), { stdout: '0 live sessions\n' })
    await login(app, user)
  })

  t.test('every session of everybody ends, in batches, and each is told of', async t => {
    const user = await createOtherUser(api, 'gus')
    const living = [await login(app), await login(app, user)]
    await pool.query(`insert into sessions (user_id, secret_hash, amr, expires_at, idle_expires_at)
      select $1, sha256(n::text::bytea), '{pwd}', now() + interval '1 day', now() + interval '1 day' from generate_series(1, 1500) n`, [living[1]!.userId])
    const { rows: [before] } = await pool.query<{ living: number }>('select count(*)::int as living from sessions where revoked_at is null and expires_at > now()')
    t.match(await admin(['session', 'end', '--everybody', 'gus']), { code: 1, stderr: /^admin: unexpected gus/ })
    t.match(await admin(['session', 'end', '--everybody']), { code: 0, stdout: `Ended ${before!.living} session(s).\n` })
    t.match(await admin(['session', 'end', '--everybody']), { code: 0, stdout: 'Ended 0 session(s).\n' })
    for (const { refreshToken, accessToken } of living) {
      t.equal((await refresh(app, refreshToken)).statusCode, 401)
      t.equal((await get(app, '/api/protected', accessToken)).statusCode, 401)
    }
    t.same((await pool.query(`select count(*)::int as untold from sessions s where revoke_reason = 'admin'
      and (not exists (select from revocations where sid = s.id) or not exists (select from outbox where session_id = s.id and type = 'session.revoked'))`)).rows, [{ untold: 0 }])
    await login(app, user)
  })

  t.test('dead letters are listed under headings, and deleted for one consumer', async t => {
    const notSeen = 'AMQP_URL is not set, so dead letters in RabbitMQ are not seen.\n'
    t.match(await admin(['event', 'dead']), { code: 0, stdout: `0 dead letters\n${notSeen}` })
    await pool.query(`insert into dead_letters (event_id, consumer, event, reason)
      select gen_random_uuid(), consumer, '{"type":"session.theft","time":"2026-02-03T04:05:06Z"}', 'Error' from unnest('{audit,audit,mail,relay}'::text[]) consumer`)
    t.match((await admin(['event', 'dead'])).stdout, /^consumer\tevent or message id\ttype\thappened at\treason\n(.*\tsession\.theft\t2026-02-03T04:05:06Z\tError\n){4}4 dead letters\n/)
    t.match(await admin(['event', 'discard', 'nobody']), { code: 1, stderr: /^admin: there is no such consumer; there are [^\n]+\n$/ })
    t.match(await admin(['event', 'discard']), { code: 1, stderr: /expected exactly one CONSUMER/ })
    t.match(await admin(['event', 'discard', 'audit']), { code: 0, stdout: `2 dead letter(s) deleted.\n${notSeen}` })
    t.match(await admin(['event', 'discard', 'relay']), { code: 0, stdout: /^1 dead letter/ })
    t.same((await pool.query('select consumer from dead_letters')).rows, [{ consumer: 'mail' }])
  })

  t.test('where there is no local database none is made, and help needs none', async t => {
    const DATA_DIR = path.join(t.testdir({}), 'data')
    const elsewhere = (...args: string[]) => admin(args, '', { DATABASE_URL: '', DATA_DIR })
    t.match(await elsewhere('user', 'list'), { code: 1, stdout: '', stderr: `admin: DATA_DIR: there is no local database in ${DATA_DIR}; ./start.sh makes one\n` })
    t.match(await elsewhere('help'), { code: 0, stdout: /^Usage: / })
    t.notOk(existsSync(DATA_DIR))
  })

  t.test('at a terminal the password is asked for twice and not shown', { skip: process.platform !== 'linux' && 'script has other options here' }, async t => {
    const type = async (...answers: string[]) => {
      const command = `${process.execPath} ${fileURLToPath(ADMIN)} user create typed`
      const terminal = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, ...settings } })
      let output = ''
      for await (const chunk of terminal.stdout.setEncoding('utf8')) {
        const asked = /New password|Once more/.exec(chunk as string) && answers.shift()
        if (asked) terminal.stdin.write(asked)
        output += chunk as string
      }
      return output
    }
    t.match(await type('\x03'), /admin: stopped; nothing was changed/)
    t.match(await type(`${PASSWORD}\r`, 'something else entirely\r'), /admin: the two passwords differ/)
    t.equal((await signIn('typed', PASSWORD)).statusCode, 401)
    const output = await type(`${PASSWORD}\r`, `${PASSWORD}\r`)
    t.match(output, /Created typed\./)
    t.notMatch(output, PASSWORD)
    t.equal((await signIn('typed', PASSWORD)).statusCode, 200)
  })

  t.test('help is help; what is no command gets the usage and a code that is not 0', async t => {
    const cases: Array<[args: string[], expected: object]> = [
      ...[['constructor', '']].map((args): [string[], object] => [args, { code: 2, stderr: /^admin: unknown command [^]*Usage: / }]),
      ...[[], ['--help']].map((args): [string[], object] => [args, { code: 0, stdout: /^Usage: /, stderr: '' }]),
      ...[['user', 'create', 'a', 'b'], ['user', 'create', 'bob', '--password', PASSWORD], ['user', 'list', 'x'], ['session', 'end', '--all']]
        .map((args): [string[], object] => [args, { code: 1, stderr: /^admin: [^]*Usage: / }]),
      [['user', 'disable', 'nobody-here'], { code: 1, stderr: /there is no user/ }],
      [['session', 'end', 'nonsense'], { code: 1, stderr: /not a session id/ }],
      [['session', 'end', '01890000-0000-7000-8000-000000000000'], { code: 1, stderr: /no such session/ }]
    ]
    await Promise.all(cases.map(async ([args, expected]) => t.match(await admin(args), { stdout: '', ...expected }, args.join(' '))))
  })

  t.test('a database or a pepper that is not there is named, without a stack', async t => {
    const away = Object.assign(new URL(connectionString), { port: '1' }).href
    for (const [overrides, sentence] of [
      [{ DATABASE_URL: away }, /^admin: DATABASE_URL: cannot use PostgreSQL \(ECONNREFUSED\)[^\n]*\n$/],
      [{ PASSWORD_PEPPER_PATH: '/nothing/here' }, /^admin: PASSWORD_PEPPER_PATH: cannot read [^\n]*\n$/],
      [{ BCRYPT_COST: 'canary' }, /^admin: BCRYPT_COST must be integer\n$/]
    ] as const) t.match(await admin(['user', 'set-password', 'ada'], PASSWORD, overrides), { code: 1, stdout: '', stderr: sentence })
  })
})
