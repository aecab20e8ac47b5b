import { AuthError } from '@fastify-uws-auth/auth-contract'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { createHostCookie } from './host-cookie.js'

/** The one cookie that holds a credential. */
export interface RefreshCookie {
  /** @throws {AuthError} `invalid_request` when it came more than once: which one counts would be a guess */
  read (request: FastifyRequest): string | undefined
  /** @param until the instant after which the server refuses the token anyway */
  set (reply: FastifyReply, refreshToken: string, until: Date): void
  clear (reply: FastifyReply): void
}

/** @param publicUrl where browsers reach the API */
export function createRefreshCookie (publicUrl: string): RefreshCookie {
  const cookie = createHostCookie(publicUrl, 'refreshToken')
  return {
    read (request) {
      const sent = cookie.read(request)
      if (sent === 'sent_twice') throw new AuthError('invalid_request', { detail: `The cookie ${cookie.name} was sent more than once; delete one of them.` })
      return sent.value
    },
    set (reply, refreshToken, until) {
      cookie.set(reply, refreshToken, Math.max(1, Math.round((until.getTime() - Date.now()) / 1000)))
    },
    clear: reply => cookie.clear(reply)
  }
}
