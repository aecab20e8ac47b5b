// docs/errors.md from the codes and what the guide says about each.
import { ERRORS } from '../packages/auth-contract/dist/index.js'
import { ERROR_GUIDE, FRAME_ERROR_GUIDE } from '../packages/auth-contract/dist/error-guide.js'

const INTRODUCTION = `# Errors

Over HTTP an error is \`application/problem+json\` (RFC 9457) with a stable \`code\` and a \`requestId\`, which the API's log has
too; with 429 and 503 \`retryAfter\` is how many seconds to wait, as in the header \`Retry-After\`. On a socket it is an \`error\`
frame with the same words. This page is written by \`npm run docs\`.
`

const END = `
\`retryable\` says whether the same message can work later, \`fatal\` that the socket closes.

## At start

A process that cannot start exits with status 1 and one sentence that names the setting. All bad settings are listed at
once, without their values; what depends on several settings together, such as the rules for production, comes after that.
`

export function errorsPage () {
  const http = Object.entries(ERRORS).map(([code, { status, title }]) => [status, `\`${code}\``, title, ...sentences(ERROR_GUIDE[code])])
  const frames = Object.entries(FRAME_ERROR_GUIDE).map(([code, guide]) => [`\`${code}\``, ...sentences(guide)])
  return `${INTRODUCTION}\n${table(['status', 'code', 'title', 'when', 'what to do'], http)}\nOnly in \`error\` frames:\n\n${table(['code', 'when', 'what to do'], frames)}${END}`
}

const sentences = ({ when, remedy }) => [when, remedy]

function table (titles, rows) {
  const line = cells => `| ${cells.join(' | ')} |\n`
  return `${line(titles)}|${'---|'.repeat(titles.length)}\n${rows.map(line).join('')}`
}
