import { cpus } from 'node:os'
import { versionsOf } from './measurements.js'

/** Prints what every table of these benches needs to be judged by. */
export function printHead (title: string, packages: readonly string[]): void {
  console.log(title)
  console.log(`Node.js ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} CPUs, ${new Date().toISOString().slice(0, 10)}`)
  console.log(Object.entries(versionsOf(packages)).map(([name, version]) => `${name} ${version}`).join(', '))
}
