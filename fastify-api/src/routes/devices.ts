import { AuthError, Type } from '@fastify-uws-auth/auth-contract'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { forgetDevice, type DevicesContext } from '../auth/devices.js'
import { listDevices } from '../db/devices.js'
import { EmptyBody, problems } from './schemas.js'

const DeviceList = Type.Object({
  devices: Type.Array(Type.Object({
    id: Type.String({ format: 'uuid' }),
    current: Type.Boolean({ description: 'The device of the session that asks' }),
    createdAt: Type.String({ format: 'date-time' }),
    lastUsedAt: Type.String({ format: 'date-time', description: 'Last sign-in' }),
    userAgent: Type.Union([Type.String(), Type.Null()]),
    ip: Type.Union([Type.String(), Type.Null()], { description: 'Address of the last sign-in' })
  }))
})
// No format: a malformed id is answered as an unknown one.
const DeviceParams = Type.Object({ id: Type.String({ description: 'Device id' }) })

export interface DevicesOptions { devicesContext: DevicesContext }

export const devicesRoutes: FastifyPluginAsyncTypebox<DevicesOptions> = async (app, { devicesContext }) => {
  const common = { tags: ['sessions'], security: [{ bearer: [] }] }

  app.get('/devices', {
    schema: { ...common, summary: 'The devices that the user has signed in from', response: { 200: DeviceList, ...problems(400, 401, 429, 503) } },
    preValidation: app.authenticate
  }, async (request, reply) => {
    const { subject, sessionId } = request.principal!
    const devices = await listDevices(app.pool, subject, sessionId)
    reply.header('cache-control', 'no-store')
    return {
      devices: devices.map(({ createdAt, lastUsedAt, ...device }) => ({ ...device, createdAt: createdAt.toISOString(), lastUsedAt: lastUsedAt.toISOString() }))
    }
  })

  app.delete('/devices/:id', {
    schema: { ...common, summary: 'Forget a device of the user and end its sessions', description: 'Asks for a sign-in or reauthentication within the last five minutes.', params: DeviceParams, body: EmptyBody, response: { 204: Type.Null(), ...problems(400, 401, 403, 404, 413, 415, 429, 503) } },
    preValidation: app.authenticate
  }, async (request, reply) => {
    const { subject: userId } = request.principal!
    const { id: deviceId } = request.params
    const outcome = await forgetDevice(devicesContext, request.principal!, deviceId, request.id)
    if (outcome.kind === 'unknown') throw new AuthError('not_found')
    if (outcome.kind === 'not_fresh') throw new AuthError('reauthentication_required', { detail: 'POST /api/reauthenticate with the password, then repeat within five minutes.' })
    request.log.info({ event: 'device.forgotten', deviceId, userId, ip: request.ip }, 'device forgotten')
    for (const { sid, sub, reason } of outcome.ended) request.log.info({ event: 'session.revoked', reason, sessionId: sid, userId: sub, ip: request.ip }, 'signed out')
    return reply.code(204).header('cache-control', 'no-store').send(null)
  })
}
