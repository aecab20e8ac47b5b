import type { TestRabbit } from '../../packages/auth-contract/test/fixtures/rabbitmq-server.js'

/** Of a running broker. */
export function rabbitMqVersion (rabbit: TestRabbit): string {
  return rabbit.control('version').trim()
}

/** The process that does all of its work. */
export function brokerPid (rabbit: TestRabbit): number {
  return Number(rabbit.control('eval', 'list_to_integer(os:getpid()).'))
}

/** Queues apart from those of others. @returns the URL with which to connect to it */
export function addVirtualHost (rabbit: TestRabbit, name: string): string {
  rabbit.control('add_vhost', name)
  rabbit.control('set_permissions', '-p', name, 'guest', '.*', '.*', '.*')
  return `${rabbit.url}/${name}`
}
