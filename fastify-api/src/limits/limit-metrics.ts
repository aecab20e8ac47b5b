import type { Meter } from '@fastify-uws-auth/auth-contract'

/** Measures whether limits that Redis should count are counted by this process alone. */
export function measureLimitCounters (meter: Pick<Meter, 'gauge'>, counters: { readonly isInMemory: boolean }): void {
  meter.gauge({ name: 'limits_in_memory', help: '1 while `REDIS_URL` is set but Redis is away, and limits count in this process' }, () => Number(counters.isInMemory))
}
