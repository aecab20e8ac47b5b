import { exitOnStartupError, loadConfig } from '@fastify-uws-auth/auth-contract'
import { OwnerConfig } from '../owner-config.js'
import { runAdmin } from './admin.js'

/** The administration commands where there is no local mode: on the database of `DATABASE_URL`. */
async function main (): Promise<void> {
  const withDatabase = async (work: (connectionString: string) => Promise<number>) => await work(loadConfig(OwnerConfig, process.env).DATABASE_URL)
  process.exitCode = await runAdmin(process.argv.slice(2), { withDatabase, env: process.env })
}

main().catch(exitOnStartupError('admin'))
