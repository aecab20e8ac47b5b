// For health checks of containers, whose images have no curl: check-health.mjs SETTING PATH exits 0 when what listens on
// the port of that setting answers with a status below 400.
import { get } from 'node:http'

const [setting, path] = process.argv.slice(2)
const fail = () => process.exit(1)
get({ host: '127.0.0.1', port: process.env[setting], path, agent: false, timeout: 3000 }, ({ statusCode }) => process.exit(statusCode < 400 ? 0 : 1))
  .on('timeout', fail)
  .on('error', fail)
