// docs/configuration.md from the settings' schemas.
import { settingsInFiles } from '@fastify-uws-auth/auth-contract'
import { ApiConfig } from '../fastify-api/dist/config.js'
import { WorkerConfig } from '../fastify-api/dist/worker-config.js'
import { LocalModeSettings } from '../packages/local-mode/dist/settings.js'
import { SocketConfig } from '../uws-server/dist/config.js'

const INTRODUCTION = `# Configuration

Environment variables. An empty one counts as not set. Every setting is checked at start, and all mistakes are listed at
once. Durations are \`900\` (seconds), \`20s\`, \`15m\`, \`12h\` or \`7d\`. A setting marked with \`_FILE\` may hold a password; it can
be given as the path of a file instead, as \`NAME_FILE\`, such as \`DATABASE_URL_FILE=/run/secrets/database-url\`. The file's last line
break is not part of it.

\`./start.sh\` sets what the parts need to find each other (\`PORT\` from \`API_PORT\` and \`WS_PORT\`, \`DATABASE_URL\`, the key
files, \`ACCESS_TOKEN_MAX_AGE\` from \`ACCESS_TOKEN_EXPIRY\`). Unless you set them, it also sets \`PUBLIC_URL\` and
\`WS_PUBLIC_URL\` to this machine, \`ALLOWED_ORIGINS\` to fit \`PUBLIC_URL\`, \`MAIL_DIR\` to \`mail\` in \`DATA_DIR\`, and
\`SEED_DEMO_USER\` to true while all of it is on this machine and the database is the embedded one, and \`DRAIN_NOTICE\` and
\`WS_DRAIN_NOTICE\` to \`0s\` while \`PUBLIC_URL\` is this machine, where no proxy has to be told of a stop. It gives each
part those of its own settings that you set. Names that no part knows are ignored. This page
is written by \`npm run docs\`.
`

const SECTIONS = [
  ['Local mode', LocalModeSettings],
  ['API', ApiConfig],
  ['Worker', WorkerConfig],
  ['Socket server', SocketConfig]
]

function section ([title, schema]) {
  const inFiles = settingsInFiles(schema)
  const rows = Object.entries(schema.properties)
    .sort(([a], [b]) => a.localeCompare(b, 'en'))
    .map(([name, property]) => `| \`${name}\`${inFiles.includes(name) ? ', `_FILE`' : ''} | ${defaultOf(schema, name, property)} | ${property.description ?? ''}${limitsOf(property)} |`)
  return `\n## ${title}\n\n| setting | default | meaning |\n|---|---|---|\n${rows.join('\n')}\n`
}

function defaultOf (schema, name, property) {
  if (property.default !== undefined) return `\`${property.default}\``
  return schema.required?.includes(name) ? 'required' : ''
}

function limitsOf ({ durationRange, enum: values, minimum, exclusiveMinimum, maximum }) {
  if (durationRange) return ` (${durationRange[0]} to ${durationRange[1]})`
  if (values) return ` (${values.join(', ')})`
  if (maximum === undefined) return ''
  return ` (${minimum ?? `above ${exclusiveMinimum}`} to ${maximum})`
}

export const settingsPage = () => INTRODUCTION + SECTIONS.map(section).join('')
