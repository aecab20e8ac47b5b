import type { FastifyReply, FastifyRequest } from 'fastify'
import { DEVICE_LIFETIME_SECONDS } from './auth/devices.js'
import { createHostCookie } from './host-cookie.js'

/** The cookie by which a browser is recognised. It lets nobody in, and signing out leaves it. */
export interface DeviceCookie {
  /** @returns undefined also when it came more than once: a cookie that helps must not keep anybody from signing in */
  read (request: FastifyRequest): string | undefined
  set (reply: FastifyReply, value: string): void
}

/** @param publicUrl where browsers reach the API */
export function createDeviceCookie (publicUrl: string): DeviceCookie {
  const cookie = createHostCookie(publicUrl, 'device')
  return {
    read (request) {
      const sent = cookie.read(request)
      return sent === 'sent_twice' ? undefined : sent.value
    },
    set: (reply, value) => cookie.set(reply, value, DEVICE_LIFETIME_SECONDS)
  }
}
