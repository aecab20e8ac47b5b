import { StartupError } from '@fastify-uws-auth/auth-contract/light'
import { loadSocketConfig } from './config.js'
import type { SettingsRead } from './primary-settings.js'
import { stopsWithinMs } from './stop-time.js'

// Run by the primary, which takes the answer and stays without the libraries that checking needs.
process.send?.(readSettings(), undefined, undefined, () => {})

function readSettings (): SettingsRead {
  try {
    const config = loadSocketConfig(process.env)
    return {
      settings: {
        processes: config.WS_PROCESSES,
        host: config.HOST,
        port: config.PORT,
        metricsPort: config.METRICS_PORT,
        logLevel: config.LOG_LEVEL,
        processStopsWithinMs: stopsWithinMs(config)
      }
    }
  } catch (err) {
    if (err instanceof StartupError) return { mistakes: err.message }
    throw err
  }
}
