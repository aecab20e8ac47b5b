// Which functions of the API cost the most while GET /api/protected is asked, by V8's profiler; `npm run
// bench:protected-profile -- 10000 without` for the same application without authentication. Main thread only.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { oneOf, progress, readArguments, wholeNumber } from '../harness/command-line.js'
import { temporaryFolder } from '../harness/temporary-folder.js'
import { withTeardown } from '../harness/teardown.js'
import { profilingOptions, readHotSpots } from '../sockets/cpu-profile.js'
import { startLoad } from './load.js'
import { startOurs, startSameApplication } from './servers.js'
import { signIn } from './sign-in.js'

const BITS = 2048
const SPOTS = 45

const [milliseconds, authentication] = readArguments(['milliseconds', wholeNumber, 10_000], ['authentication', oneOf('with', 'without'), 'with'])
const withoutAuthentication = authentication === 'without'

await withTeardown(async t => {
  const folder = path.join(temporaryFolder(t), 'profile')
  mkdirSync(folder)
  const { api, ...ours } = await startOurs(t, BITS, withoutAuthentication ? [] : profilingOptions(folder))
  const server = withoutAuthentication ? await startSameApplication(t, { bits: BITS, keysDir: api.keysDir, nodeOptions: profilingOptions(folder) }) : { ...ours, stop: api.stop }
  const load = startLoad(t, await signIn(api.url))
  progress('asking')
  const { perSecond, cpu } = await load(server, milliseconds)
  await server.stop()
  const { busyMs, spots } = readHotSpots(folder)
  console.log(`${Math.round(perSecond)} requests/s, ${Math.round(cpu)} µs of CPU each; ${Math.round(busyMs)} ms busy, start and sign-ins included`)
  console.table(spots.slice(0, SPOTS).map(({ place, ms }) => ({ place, ms: Math.round(ms), '%': (100 * ms / busyMs).toFixed(1) })))
})
