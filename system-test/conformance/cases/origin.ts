import { same } from '../expect.js'
import { inGroup } from '../runner.js'
import type { Scene } from '../scene.js'

const isRefused = (sentence: string, change: (allowed: URL) => string) => ({
  sentence: `${sentence} is not allowed: 403`,
  async play (scene: Scene) {
    await scene.refusal(403, 'origin_not_allowed', { access: await scene.access(), origin: change(new URL(scene.options.origin)) })
  }
})

const withPort = (url: URL, change: (port: number) => number) => `${url.protocol}//${url.hostname}:${change(Number(url.port || (url.protocol === 'https:' ? 443 : 80)))}`

export const ORIGIN = inGroup('ORIGIN', [
  {
    sentence: 'no Origin, as from a program: the socket opens',
    async play (scene) { await scene.member() }
  },
  {
    sentence: 'an Origin on the list: the socket opens',
    async play (scene) { await scene.member({ origin: scene.options.origin }) }
  },
  isRefused('another site', () => 'https://evil.example'),
  isRefused('the Origin null, as of a sandboxed frame or a file', () => 'null'),
  isRefused('an allowed origin as the beginning of a longer name', ({ origin }) => `${origin}.evil.example`),
  isRefused('an allowed host as the beginning of a longer name', ({ protocol, hostname, port }) => `${protocol}//${hostname}.evil.example${port && `:${port}`}`),
  isRefused('an allowed host as the end of a longer name', ({ protocol, hostname, port }) => `${protocol}//evil-${hostname}${port && `:${port}`}`),
  isRefused('an allowed host as a user name', ({ protocol, host }) => `${protocol}//${host}@evil.example`),
  isRefused('the other scheme', ({ protocol, host }) => `${protocol === 'https:' ? 'http:' : 'https:'}//${host}`),
  isRefused('another port', url => withPort(url, port => port - 1)),
  isRefused('a port with more digits', url => withPort(url, port => port * 10 % 65_536)),
  isRefused('an allowed origin with a slash at its end', ({ origin }) => `${origin}/`),
  isRefused('two origins in one header', ({ origin }) => `${origin}, https://evil.example`),
  {
    sentence: 'an empty Origin and two Origin headers, even equal ones: 403',
    async play (scene) {
      const allowed: [string, string] = ['Origin', scene.options.origin]
      for (const add of [[['Origin', '']], [allowed, allowed], [allowed, ['Origin', 'https://evil.example']], [['Origin', 'https://evil.example'], allowed]] as Array<Array<[string, string]>>) {
        same(`the status for ${add.length} headers`, (await scene.answerTo(await scene.memberHandshake({ add })))?.status, 403)
      }
    }
  },
  {
    sentence: 'the Origin is judged without a credential too',
    async play (scene) { await scene.refusal(403, 'origin_not_allowed', { origin: 'https://evil.example' }) }
  },
  {
    sentence: 'a foreign page learns nothing about an access token: a bad one is 403 as well',
    async play (scene) { await scene.refusal(403, 'origin_not_allowed', { origin: 'https://evil.example', access: 'bad' }) }
  }
])
