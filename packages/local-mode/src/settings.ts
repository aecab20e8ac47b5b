import path from 'node:path'
import { SharedSettings, StartupError, Type, loadConfig } from '@fastify-uws-auth/auth-contract'
import type { Static } from 'typebox'
import { PROJECT_FOLDER } from './project-folder.js'

const Port = (port: number, description: string) => Type.Integer({ default: port, minimum: 1, maximum: 65_535, description })
const Folder = (name: string, description: string) => Type.String({ default: name, minLength: 1, description: `${description}; relative to the project folder` })

/** Local mode's own settings; every other variable is passed through to the parts. */
export const LocalModeSettings = Type.Object({
  HOST: SharedSettings.HOST,
  API_PORT: Port(3000, 'Port of the API and the demo page'),
  WS_PORT: Port(3001, 'Port of the socket server'),
  METRICS_PORT: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_533, description: 'Port of the API\'s metrics; the worker\'s are on the next one, the socket server\'s on the one after that' })),
  DATA_DIR: Folder('.data', 'Folder of the embedded database and its passwords'),
  KEYS_DIR: Folder('keys', 'Folder that generate-keys.sh writes to'),
  DATABASE_URL: Type.Optional(Type.String({ format: 'postgres-url', description: 'PostgreSQL to use instead of the embedded one; its role must own the tables' }))
})
export type LocalModeSettings = Static<typeof LocalModeSettings>

/**
 * Reads local mode's settings. Folders come back absolute.
 * @throws {StartupError} listing every mistake
 */
export function loadLocalModeSettings (env: NodeJS.ProcessEnv): LocalModeSettings {
  const settings = loadConfig(LocalModeSettings, env)
  if (settings.API_PORT === settings.WS_PORT) throw new StartupError('WS_PORT must differ from API_PORT')
  if (metricsPorts(settings).some(port => [settings.API_PORT, settings.WS_PORT].includes(port))) throw new StartupError('METRICS_PORT and the two ports after it must differ from API_PORT and WS_PORT')
  return {
    ...settings,
    DATA_DIR: path.resolve(PROJECT_FOLDER, settings.DATA_DIR),
    KEYS_DIR: path.resolve(PROJECT_FOLDER, settings.KEYS_DIR)
  }
}

/** Of the API, the worker and the socket server, which share a machine here; none when nothing is measured. */
export function metricsPorts ({ METRICS_PORT: first }: Pick<LocalModeSettings, 'METRICS_PORT'>): number[] {
  return first === undefined ? [] : [first, first + 1, first + 2]
}
