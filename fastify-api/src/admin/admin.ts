import { checkPostgres, createMeter, loadConfig, logOptions } from '@fastify-uws-auth/auth-contract'
import { pino } from 'pino'
import type { Static } from 'typebox'
import { createThreadWorkers } from '../auth/hash-worker.js'
import { HashingPool } from '../auth/hashing-pool.js'
import { createPasswordHasher, type PasswordHasher } from '../auth/passwords.js'
import { openPeppers } from '../auth/peppers.js'
import { createPool } from '../db/pool.js'
import { AdminConfig } from './admin-config.js'
import { AdminError } from './admin-error.js'
import { COMMANDS, type AdminContext, type Command } from './commands.js'
import { USAGE } from './usage.js'

export interface AdminOptions {
  /** Called when a command needs the database, with the connection string of the role that owns the tables. */
  withDatabase: (work: (connectionString: string) => Promise<number>) => Promise<number>
  env: NodeJS.ProcessEnv
}

/**
 * Runs one administration command and prints its result.
 * @param argv the command line without node and the script, such as `['user', 'list']`
 * @returns the exit code: 0 done or helped, 1 not possible (the reason is on stderr), 2 not a command
 * @throws {StartupError} for a bad setting or a database that cannot be used
 */
export async function runAdmin (argv: string[], { withDatabase, env }: AdminOptions): Promise<number> {
  const [noun = '', verb = '', ...rest] = argv
  const command = COMMANDS[`${noun} ${verb}`]
  if (['', 'help', '--help', '-h'].includes(noun)) {
    process.stdout.write(USAGE)
    return 0
  }
  if (command === undefined) {
    process.stderr.write(`admin: unknown command ${[noun, verb].join(' ').trim()}\n\n${USAGE}`)
    return 2
  }
  const config = loadConfig(AdminConfig, env)
  return await withDatabase(connectionString => runCommand(command, rest, config, connectionString))
}

async function runCommand (command: Command, args: string[], config: Static<typeof AdminConfig>, connectionString: string): Promise<number> {
  await checkPostgres('DATABASE_URL', connectionString)
  const log = pino(logOptions('admin', 'error'), pino.destination(2))
  const pool = createPool('admin', connectionString, 1, log)
  const passwords = async (): Promise<PasswordHasher> => await createPasswordHasher({
    algorithm: config.PASSWORD_HASH,
    bcryptCost: config.BCRYPT_COST,
    peppers: await openPeppers('PASSWORD_PEPPER_PATH', config.PASSWORD_PEPPER_PATH, log),
    pool: new HashingPool({ workers: createThreadWorkers(1), maxWaitMs: Infinity, meter: await createMeter(undefined) })
  })
  const context: AdminContext = { pool, passwords, amqpUrl: config.AMQP_URL, print: line => process.stdout.write(`${line}\n`) }
  try {
    await command(context, args)
    return 0
  } catch (err) {
    if (!(err instanceof AdminError)) throw err
    process.stderr.write(`admin: ${err.message}\n`)
    return 1
  } finally {
    await pool.end()
  }
}
