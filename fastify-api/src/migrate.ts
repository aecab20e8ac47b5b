import { exitOnStartupError, loadConfig, StartupError } from '@fastify-uws-auth/auth-contract'
import { migrate } from './migrations.js'
import { OwnerConfig } from './owner-config.js'

async function main (): Promise<void> {
  const { DATABASE_URL } = loadConfig(OwnerConfig, process.env)
  const { applied } = await migrate(DATABASE_URL).catch((err: NodeJS.ErrnoException) => {
    // The runner puts a stack below its message.
    throw new StartupError(`DATABASE_URL: cannot migrate (${err.code ?? 'error'}: ${err.message.split('\n', 1)[0]})`)
  })
  console.log(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`)
}

main().catch(exitOnStartupError('migrate'))
