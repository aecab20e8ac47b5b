import { exitOnStartupError } from '@fastify-uws-auth/auth-contract/light'

// Looked at before the settings are read: doing that takes 25 MB, which the primary of several processes goes without.
const several = !['', '1'].includes(process.env['WS_PROCESSES'] ?? '')

async function main (): Promise<void> {
  if (several) {
    const { readPrimarySettings } = await import('./primary-settings.js')
    const settings = await readPrimarySettings()
    if (settings.processes > 1) {
      const { runPrimary } = await import('./primary.js')
      return await runPrimary(settings)
    }
  }
  await import('./socket-process.js')
}

main().catch(exitOnStartupError('uws-server'))
