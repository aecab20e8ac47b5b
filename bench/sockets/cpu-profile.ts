import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'

interface ProfileNode { id: number, callFrame: { functionName: string, url: string, lineNumber: number } }
interface CpuProfile { nodes: ProfileNode[], samples: number[], timeDeltas: number[] }

/** Where a process spent its time, and how much of it, in milliseconds. */
export interface HotSpot { place: string, ms: number }

/** Node.js options with which a process writes a profile into a folder when it ends. */
export function profilingOptions (folder: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`]
}

/** The functions that took the most time themselves, by the only profile in a folder; idle time is left out. */
export function readHotSpots (folder: string): { busyMs: number, spots: HotSpot[] } {
  const file = readdirSync(folder).find(name => name.endsWith('.cpuprofile'))
  if (file === undefined) throw new Error('the server left no profile')
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as CpuProfile
  const placeOf = new Map(nodes.map(({ id, callFrame }) => [id, describe(callFrame)]))
  const msAt = new Map<string, number>()
  for (const [i, sample] of samples.entries()) {
    const place = placeOf.get(sample)!
    if (place !== '(idle)') msAt.set(place, (msAt.get(place) ?? 0) + timeDeltas[i]! / 1000)
  }
  const spots = [...msAt].map(([place, ms]) => ({ place, ms })).sort((a, b) => b.ms - a.ms)
  return { busyMs: spots.reduce((sum, { ms }) => sum + ms, 0), spots }
}

function describe ({ functionName, url, lineNumber }: ProfileNode['callFrame']): string {
  const name = functionName || '(anonymous)'
  return url === '' ? name : `${name} ${url.replace(/^.*\/(node_modules|fastify-uws-auth|packages|uws-server)\//, '$1/')}:${lineNumber + 1}`
}
