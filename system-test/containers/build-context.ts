import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { PROJECT } from './compose-file.js'

/** The files of the project that git does not ignore and .dockerignore lets through, as the builder of images would get them. */
export function contextFiles (): string[] {
  const { stdout } = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: PROJECT, encoding: 'utf8' })
  const rules = readFileSync(path.join(PROJECT, '.dockerignore'), 'utf8').split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return stdout.split('\0').filter(file => file !== '' && !isIgnored(file, rules) && existsSync(path.join(PROJECT, file)))
}

/** Copies them to a folder. */
export function copyContext (folder: string): void {
  for (const file of contextFiles()) {
    const target = path.join(folder, file)
    mkdirSync(path.dirname(target), { recursive: true })
    cpSync(path.join(PROJECT, file), target)
  }
}

// The last rule that fits decides; a rule that fits a folder fits what is in it. "*" is everything here, others are plain paths.
function isIgnored (file: string, rules: string[]): boolean {
  const last = rules.findLast(rule => {
    const pattern = rule.replace(/^!/, '')
    return pattern === '*' || file === pattern || file.startsWith(`${pattern}/`)
  })
  return last !== undefined && !last.startsWith('!')
}
