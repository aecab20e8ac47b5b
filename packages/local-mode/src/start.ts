import { exitOnStartupError } from '@fastify-uws-auth/auth-contract'
import { loadApiConfig } from '@fastify-uws-auth/fastify-api/config'
import { runLocalMode } from './local-mode.js'
import { loadLocalModeSettings } from './settings.js'

const SCRIPTS = { worker: 'fastify-api/dist/worker.js', api: 'fastify-api/dist/server.js', ws: 'uws-server/dist/server.js' }

async function main (): Promise<void> {
  const stopping = new AbortController()
  const stop = () => stopping.abort()
  // These stay for the whole life, so that a second Ctrl-C does not cut a clean stop short.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  // A terminal or a pipe that is gone makes writing fail; everything still has to stop in order.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', stop)

  const settings = loadLocalModeSettings(process.env)
  await runLocalMode({ settings, env: process.env, scripts: SCRIPTS, onReady: api => process.stdout.write(welcome(api)), signal: stopping.signal })
}

function welcome (api: NodeJS.ProcessEnv): string {
  const { PUBLIC_URL, WS_PUBLIC_URL, production } = loadApiConfig(api)
  const url = new URL(PUBLIC_URL).href.replace(/\/$/, '')
  const lines = [
    `Demo page   ${url}/`,
    ...production ? [] : [`API docs    ${url}/api/docs`],
    `WebSocket   ${WS_PUBLIC_URL}`,
    ...api['SEED_DEMO_USER'] === 'true' ? ['Account     testuser / password123'] : [],
    '',
    'Ctrl-C stops everything.'
  ]
  return `\n${lines.map(line => line && `  ${line}`).join('\n')}\n\n`
}

main().catch(exitOnStartupError('start'))
