import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync } from 'node:fs'
import path from 'node:path'
import type { Writable } from 'node:stream'
import type { Test } from 'tap'
import { secretsOf, type ComposeFile } from './compose-file.js'
import type { Image } from './image-builder.js'

export interface ContainerOptions {
  compose: ComposeFile
  service: string
  image: Image
  /** The folder that stands for `./secrets`. */
  secretsFolder: string
  /** For what the container writes to. */
  folder: string
  /** What is different here: ports, because all share this machine. */
  env: NodeJS.ProcessEnv
  /** Instead of the service's command. */
  command?: string[]
}

export interface Container {
  /** All that it has printed so far. */
  output: () => string
  /** Resolves with how it ended. */
  exited: Promise<number | NodeJS.Signals>
  stop: (signal?: NodeJS.Signals) => Promise<number | NodeJS.Signals>
  /** @returns the exit code of its health check, run as the service */
  checkHealth: () => Promise<number | NodeJS.Signals>
}

// A watcher stops it when the pipe that only the test holds ends, so that a killed test leaves nothing behind; a line
// instead means that it has ended already.
const WATCHED = '( ( read -r _ <&3 || kill -TERM $$ ) >/dev/null 2>&1 & ); exec "$0" "$@" 3<&-'
const WITHOUT_RIGHTS = ['--clear-groups', '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs']

/**
 * Runs a service as docker-compose.yml and its image say: its user without any capability, its environment and no other,
 * its working directory, its command. Where the container would have a mount, the same paths lead to folders here.
 */
export function startContainer (t: Pick<Test, 'teardown'>, { compose, service: name, image, secretsFolder, folder, env, command }: ContainerOptions): Container {
  const service = compose.services[name]!
  const mounts = new Map([['/opt', path.join(image.root, 'opt')]])
  const inSecrets = (file: string) => file.replace(/^\.\/secrets/, secretsFolder)
  for (const [secret, target] of Object.entries(secretsOf(service))) mounts.set(target, inSecrets(compose.secrets[secret]!.file))
  for (const volume of service.volumes ?? []) if (typeof volume !== 'string') mounts.set(volume.target, inSecrets(volume.source))
  for (const tmpfs of service.tmpfs ?? []) {
    const target = tmpfs.split(':')[0]!
    mounts.set(target, mkdtempSync(path.join(folder, `${name}-`)))
    chmodSync(mounts.get(target)!, 0o1777)
  }
  const outside = (word: string) => {
    const mount = [...mounts.keys()].find(target => word === target || word.startsWith(`${target}/`))
    return mount === undefined ? word : `${mounts.get(mount)!}${word.slice(mount.length)}`
  }

  const [user, group] = service.user!.split(':')
  const settings = { ...image.env, ...Object.fromEntries(Object.entries(service.environment ?? {}).map(([key, value]) => [key, outside(String(value))])) }
  const run = (words: string[]) => {
    const child = spawn('/bin/sh', ['-c', WATCHED, 'setpriv', `--reuid=${user}`, `--regid=${group}`, ...WITHOUT_RIGHTS, ...words.map(outside)], {
      cwd: path.join(image.root, image.workdir),
      env: { PATH: `${process.env['PATH']}:/usr/sbin`, ...settings, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe']
    })
    const watcher = (child.stdio[3] as Writable).on('error', () => {})
    child.once('exit', () => watcher.end('\n'))
    const exited = new Promise<number | NodeJS.Signals>(resolve => child.once('close', (code, signal) => resolve(signal ?? code!)))
    return { child, exited }
  }

  const { child, exited } = run([...(service.entrypoint ?? image.entrypoint), ...(command ?? service.command ?? image.command)])
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (text: string) => { output += text })
  const stop: Container['stop'] = async (signal = 'SIGTERM') => {
    child.kill(signal)
    return await exited
  }
  t.teardown(() => stop())
  return { output: () => output, exited, stop, checkHealth: async () => await run(service.healthcheck?.test?.slice(1) ?? image.healthcheck).exited }
}
