import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const isMissing = spawnSync('shellcheck', ['--version']).error !== undefined && process.env['CI'] !== 'true'

t.test('shellcheck has nothing to say', { skip: isMissing && 'shellcheck is not installed' }, async t => {
  const files = spawnSync('git', ['ls-files', '-z'], { cwd: PROJECT, encoding: 'utf8' }).stdout.split('\0')
  const scripts = files.filter(file => file.endsWith('.sh') || (/(^|\/)[a-z-]+$/.test(file) && readFileSync(path.join(PROJECT, file), 'utf8').startsWith('#!')))
  for (const script of ['start.sh', '.ci/run', 'nginx/configure.sh']) t.ok(scripts.includes(script), script)
  const { status, stdout } = spawnSync('shellcheck', ['--external-sources', ...scripts], { cwd: PROJECT, encoding: 'utf8' })
  t.strictSame([status, stdout], [0, ''])
})
