import { randomBytes } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { runProgram } from './fixtures/programs.js'

const MIGRATIONS = new URL('../migrations/', import.meta.url)
const ROLES = new URL('../../postgres-init/01-init.sql', import.meta.url)

/** A database without tables, prepared as `postgres-init` prepares one, and the connection string of its owner. */
async function createEmptyDatabase (t: Test) {
  const server = new pg.Client({ connectionString: process.env['TEST_POSTGRES_URL'] })
  await server.connect()
  const name = `test_${randomBytes(6).toString('hex')}`
  await server.query(`create database ${name}`)
  const url = Object.assign(new URL(process.env['TEST_POSTGRES_URL']!), { pathname: `/${name}` })
  const pool = new pg.Pool({ connectionString: url.href })
  pool.on('error', () => {})
  t.teardown(async () => {
    await pool.end()
    await server.query(`drop database ${name} with (force)`)
    await server.end()
  })
  await pool.query(await readFile(ROLES, 'utf8'))
  return { pool, ownerUrl: `${url.href}?options=-c%20role%3Dauth_owner` }
}

/** Everything about the schema that a migration decides. */
async function schemaOf (pool: pg.Pool) {
  const { rows } = await pool.query(`
    select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') as thing from information_schema.columns where table_schema = 'public'
    union all select indexdef from pg_indexes where schemaname = 'public'
    union all select conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace
    union all select oid::regprocedure || ' ' || proowner::regrole || ' ' || prosecdef || ' ' || coalesce(proacl::text, '') from pg_proc where pronamespace = 'public'::regnamespace
    union all select tgrelid::regclass || ' ' || tgname || ' ' || tgenabled::text from pg_trigger where not tgisinternal
    union all select relname || ' ' || relowner::regrole || ' ' || coalesce(relacl::text, '') || ' ' || coalesce(reloptions::text, '') from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
    order by 1`)
  return rows.map(({ thing }) => thing as string)
}

t.test('six processes migrate an empty database at once: each is applied once, all succeed', async t => {
  const { pool, ownerUrl } = await createEmptyDatabase(t)
  const results = await Promise.all(Array.from({ length: 6 }, () => runProgram('fastify-api/dist/migrate.js', [], { DATABASE_URL: ownerUrl })))
  for (const { code, stderr } of results) t.same({ code, stderr }, { code: 0, stderr: '' })
  const applied = results.flatMap(({ stdout }) => [...stdout.matchAll(/\d{4}_\w+/g)].map(([name]) => name))
  const files = (await readdir(MIGRATIONS)).filter(name => /^\d{4}_/.test(name)).map(name => name.replace('.sql', '')).sort()
  t.ok(files.length > 0)
  t.same(applied, files)
  const recorded = (await pool.query('select name from migrations order by id')).rows.map(({ name }) => name)
  t.same(recorded, files)

  const template = new pg.Pool({ connectionString: Object.assign(new URL(process.env['TEST_POSTGRES_URL']!), { pathname: '/template_auth' }).href, max: 1 })
  const expected = await schemaOf(template)
  await template.end()
  const schema = await schemaOf(pool)
  t.same(schema, expected)
  t.ok(schema.some(thing => /^sessions auth_owner .*fillfactor=70/.test(thing)))

  const again = await runProgram('fastify-api/dist/migrate.js', [], { DATABASE_URL: ownerUrl })
  t.match(again, { code: 0, stdout: 'The database is up to date.\n' })
  t.same(await schemaOf(pool), schema, 'running twice is harmless')
})

t.test('sessions of before the time of authentication was kept have that of their sign-in', async t => {
  const { pool } = await createEmptyDatabase(t)
  const files = (await readdir(MIGRATIONS)).filter(name => /^\d{4}_/.test(name)).sort()
  const apply = async (names: string[]) => { for (const name of names) await pool.query(await readFile(new URL(name, MIGRATIONS), 'utf8')) }
  const newer = files.findIndex(name => name.startsWith('0004_'))
  await apply(files.slice(0, newer))
  await pool.query("insert into users (username, password_hash, password_pepper_version) values ('someone', 'x', 1)")
  const addSession = (createdAt: string) => pool.query(`
    insert into sessions (user_id, secret_hash, amr, created_at, expires_at, idle_expires_at)
    select id, decode(repeat('00', 32), 'hex'), '{pwd}', ${createdAt}, now() + interval '1 day', now() + interval '1 day' from users`)
  await addSession("now() - interval '3 days'")
  await addSession("now() - interval '1 hour'")
  await apply(files.slice(newer))
  await addSession('now()')
  const { rows } = await pool.query('select count(*)::int as sessions from sessions where authenticated_at = created_at')
  t.equal(rows[0].sessions, 3)
})

t.test('a migration without the right to create tables says so and changes nothing', async t => {
  const { pool, ownerUrl } = await createEmptyDatabase(t)
  const { code, stderr } = await runProgram('fastify-api/dist/migrate.js', [], { DATABASE_URL: ownerUrl.replace('auth_owner', 'api') })
  t.equal(code, 1)
  t.match(stderr, /^migrate: DATABASE_URL: cannot migrate \(.*permission denied for schema public\)\n$/)
  t.same(await schemaOf(pool), [])
})
