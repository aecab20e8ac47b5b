import { DurationSetting, SharedSettings } from '@fastify-uws-auth/auth-contract'
import Type from 'typebox'

export const WorkerConfig = Type.Object({
  LOG_LEVEL: SharedSettings.LOG_LEVEL,
  HOST: SharedSettings.HOST,
  METRICS_PORT: SharedSettings.METRICS_PORT,
  DATABASE_URL: Type.String({ format: 'postgres-url', description: 'PostgreSQL connection string of the worker role' }),
  AUDIT_RETENTION: DurationSetting({ default: '400d', minimum: '30d', maximum: '3650d', description: 'A month of the audit log is deleted when it ended this long ago' })
})
