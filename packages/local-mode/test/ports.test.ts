import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { checkPortIsFree, findFreePort } from '../src/ports.js'

t.test('a taken port is refused in a sentence that names its setting; a free one stays free', async t => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await t.rejects(checkPortIsFree('API_PORT', '127.0.0.1', port), { name: 'StartupError', message: new RegExp(`^API_PORT: port ${port} .*API_PORT=\\d+ `) })
  await new Promise(resolve => server.close(resolve))
  await checkPortIsFree('API_PORT', '127.0.0.1', port)
  await checkPortIsFree('API_PORT', '127.0.0.1', port)
})

t.test('an address that is not this machine blames HOST', async t => {
  await t.rejects(checkPortIsFree('API_PORT', '192.0.2.1', await findFreePort()), { message: /^HOST: / })
})
