// For health checks of containers, whose images have no curl: exits 0 when the address answers with a status below 400.
import { get } from 'node:http'

const [url] = process.argv.slice(2)
const fail = () => process.exit(1)
get(url, { agent: false, timeout: 3000 }, ({ statusCode }) => process.exit(statusCode < 400 ? 0 : 1)).on('timeout', fail).on('error', fail)
