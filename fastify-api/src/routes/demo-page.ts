import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { FastifyPluginAsync } from 'fastify'

const PAGE = fileURLToPath(new URL('../../../client-demo.html', import.meta.url))

export interface DemoPageOptions { webSocketUrl: string }

/**
 * Serves `client-demo.html` at `/`. Its policy allows exactly the inline script and style of the file, by hash, and
 * connections to this origin and the socket server.
 */
export const demoPageRoute: FastifyPluginAsync<DemoPageOptions> = async (app, { webSocketUrl }) => {
  const source = await readFile(PAGE, 'utf8')
  const page = source.replace('data-ws-url=""', `data-ws-url="${webSocketUrl.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}"`)
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(page, 'script')}`,
    `style-src ${hashOf(page, 'style')}`,
    `connect-src 'self' ${new URL(webSocketUrl).origin}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join('; ')
  app.get('/', { schema: { hide: true } }, async (_request, reply) => {
    return reply
      .header('content-security-policy', policy)
      .header('cache-control', 'no-cache')
      .type('text/html; charset=utf-8')
      .send(page)
  })
}

// CSP Level 3, section 2.3.1: the hash of the element's text, exactly.
function hashOf (page: string, element: 'script' | 'style'): string {
  const text = new RegExp(`<${element}[^>]*>([\\s\\S]*?)</${element}>`).exec(page)?.[1] ?? ''
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
