import type { CookieSerializeOptions } from '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** A cookie of this host alone, out of reach of scripts and of requests that other sites cause. */
export interface HostCookie {
  readonly name: string
  /** @returns the value; `sent_twice` when it came more than once, because which one counts would be a guess */
  read (request: FastifyRequest): { value: string | undefined } | 'sent_twice'
  /** @param maxAge seconds */
  set (reply: FastifyReply, value: string, maxAge: number): void
  clear (reply: FastifyReply): void
}

/**
 * `__Host-` and the name over https; the name alone over plain http, where browsers refuse the prefix
 * (RFC 6265bis, section 4.1.3.2). No other name is read.
 * @param publicUrl where browsers reach the API; its scheme decides
 */
export function createHostCookie (publicUrl: string, bareName: string): HostCookie {
  const secure = new URL(publicUrl).protocol === 'https:'
  const name = secure ? `__Host-${bareName}` : bareName
  const attributes: CookieSerializeOptions = { path: '/', httpOnly: true, sameSite: 'strict', secure }
  return {
    name,
    read (request) {
      const occurrences = (request.headers.cookie ?? '').split(';').filter(pair => pair.split('=', 1)[0]!.trim() === name)
      return occurrences.length > 1 ? 'sent_twice' : { value: request.cookies[name] }
    },
    set (reply, value, maxAge) {
      reply.setCookie(name, value, { ...attributes, maxAge })
    },
    clear (reply) {
      reply.clearCookie(name, attributes)
    }
  }
}
