import { createServer, type AddressInfo } from 'node:net'
import { StartupError } from '@fastify-uws-auth/auth-contract'

/** A TCP port of 127.0.0.1 that nobody uses at the moment. */
export async function findFreePort (): Promise<number> {
  return await listenBriefly('127.0.0.1', 0)
}

/**
 * Proves that this process may listen on a port, by doing so for a moment.
 * @param setting the name of the setting that holds the port
 * @throws {StartupError} when it may not
 */
export async function checkPortIsFree (setting: string, host: string, port: number): Promise<void> {
  try {
    await listenBriefly(host, port)
  } catch (err) {
    const { code } = err as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new StartupError(`${setting}: port ${port} on ${host} is taken by another program; stop that, or choose another port with ${setting}=${anotherPort(port)} ./start.sh`)
    if (code === 'EACCES') throw new StartupError(`${setting}: port ${port} needs more rights than this user has; choose one above 1023, such as ${setting}=${anotherPort(port)} ./start.sh`)
    throw new StartupError(`HOST: cannot listen on ${host} (${code}); 127.0.0.1 always works`)
  }
}

function anotherPort (port: number): number {
  return port < 1024 ? 8000 + port : port + (port > 55_000 ? -10_000 : 10_000)
}

async function listenBriefly (host: string, port: number): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ host, port, exclusive: true }, resolve))
  const { port: actual } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return actual
}
