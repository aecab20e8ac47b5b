import { Type } from '@fastify-uws-auth/auth-contract'

/** For the programs that work as the owner of the tables. */
export const OwnerConfig = Type.Object({
  DATABASE_URL: Type.String({ format: 'postgres-url', description: 'PostgreSQL connection string of a role that owns the tables' })
})
