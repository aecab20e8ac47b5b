import { AuthError } from '@fastify-uws-auth/auth-contract'
import type { CookieSerializeOptions } from '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** The one cookie of this system; no other name is read. */
export interface RefreshCookie {
  /** @throws {AuthError} `invalid_request` when it came more than once: which one counts would be a guess */
  read (request: FastifyRequest): string | undefined
  /** @param until the instant after which the server refuses the token anyway */
  set (reply: FastifyReply, refreshToken: string, until: Date): void
  clear (reply: FastifyReply): void
}

/**
 * `__Host-refreshToken` over https, `refreshToken` over plain http, where browsers refuse the prefix
 * (RFC 6265bis, section 4.1.3.2).
 * @param publicUrl where browsers reach the API; its scheme decides
 */
export function createRefreshCookie (publicUrl: string): RefreshCookie {
  const secure = new URL(publicUrl).protocol === 'https:'
  const name = secure ? '__Host-refreshToken' : 'refreshToken'
  const attributes: CookieSerializeOptions = { path: '/', httpOnly: true, sameSite: 'strict', secure }
  return {
    read (request) {
      const occurrences = (request.headers.cookie ?? '').split(';').filter(pair => pair.split('=', 1)[0]!.trim() === name)
      if (occurrences.length > 1) throw new AuthError('invalid_request', { detail: `The cookie ${name} was sent more than once; delete one of them.` })
      return request.cookies[name]
    },
    set (reply, refreshToken, until) {
      const maxAge = Math.max(1, Math.round((until.getTime() - Date.now()) / 1000))
      reply.setCookie(name, refreshToken, { ...attributes, maxAge })
    },
    clear (reply) {
      reply.clearCookie(name, attributes)
    }
  }
}
