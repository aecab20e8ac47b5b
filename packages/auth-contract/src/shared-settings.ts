import { DurationSetting } from './duration.js'
import { Type } from './schema-builders.js'
import { REDIS_URL } from './setting-formats.js'

/** Settings with one meaning, one form and one default in every process. */
export const SharedSettings = {
  HOST: Type.String({ default: '127.0.0.1', minLength: 1, description: 'Address to listen on' }),
  DATABASE_LISTEN_URL: Type.Optional(Type.String({ format: 'postgres-url', description: 'PostgreSQL connection string that reaches the server directly, when DATABASE_URL goes through a pooler' })),
  REDIS_URL: Type.Optional(Type.String({ format: REDIS_URL, description: 'Redis (6 or later) that carries revocations between the processes and counts the limits of the API; without it PostgreSQL notifications and the memory of each process do' })),
  METRICS_PORT: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: 'Port on HOST that answers GET /metrics to Prometheus; without it nothing is measured. Not for the public' })),
  PUBLIC_KEY_PATH: Type.String({ default: 'keys/public.pem', minLength: 1, description: 'Bundle of PEM public keys that verify access tokens, newest last' }),
  JWT_ISSUER: Type.String({ default: 'fastify-uws-auth', minLength: 1, maxLength: 256, description: 'iss of access tokens' }),
  JWT_AUDIENCE: Type.String({ default: 'fastify-uws-auth', minLength: 1, maxLength: 256, description: 'aud of access tokens' }),
  REVOCATION_MAX_STALENESS: DurationSetting({ default: '30s', minimum: '5s', maximum: '1h', orNever: true, description: 'How old the last successful read of the revocations may be before what relies on them is refused; never trades that for availability' }),
  RATE_LIMIT_MULTIPLIER: Type.Number({ default: 1, exclusiveMinimum: 0, maximum: 1_000_000, description: 'Multiplies every rate limit and the wrong passwords that are free; for tests and benchmarks' }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info', description: 'Least severe level that is logged' })
}
