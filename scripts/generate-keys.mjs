import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { addPepperVersion, createAll, dropKey, publishKeys, rotateKey } from './key-folder.mjs'
import { KeyFileError } from './key-files.mjs'

const HELP = `Usage: ./generate-keys.sh [--bits 2048|3072|4096]
       ./generate-keys.sh --rotate [--bits ...]
       ./generate-keys.sh --rotate-pepper refresh|password
       ./generate-keys.sh --drop KID

Without an option that says otherwise: makes a signing key pair and both peppers.

  --rotate         adds a key pair; signing changes to it 60 seconds later, old keys keep verifying
  --rotate-pepper  adds the next version of a pepper; old versions stay, because stored hashes need them
  --drop KID       emergency: removes a key at once, so that nothing signed with it verifies any more
  --bits           size of the new RSA key, 4096 when not given

KEYS_DIR is the folder, "keys" when not set; PUBLIC_KEYS_DIR, when set, is a second one that gets a copy of the public
keys only. Relative paths start at the project folder.
`

// One KID in 64 begins with "-", which the parser would take for an option.
function withJoinedKid (args) {
  const at = args.indexOf('--drop')
  return at === -1 || at === args.length - 1 ? args : args.toSpliced(at, 2, `--drop=${args[at + 1]}`)
}

function main () {
  const { values } = parseArgs({
    args: withJoinedKid(process.argv.slice(2)),
    options: {
      bits: { type: 'string', default: '4096' },
      rotate: { type: 'boolean', default: false },
      'rotate-pepper': { type: 'string' },
      drop: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  if (values.help) return HELP
  const actions = [values.rotate, values['rotate-pepper'] !== undefined, values.drop !== undefined].filter(Boolean)
  if (actions.length > 1) throw new KeyFileError('--rotate, --rotate-pepper and --drop are done one at a time')
  if (!['2048', '3072', '4096'].includes(values.bits)) throw new KeyFileError('--bits must be 2048, 3072 or 4096')

  const inProject = folder => path.resolve(fileURLToPath(new URL('..', import.meta.url)), folder)
  const folder = inProject(process.env.KEYS_DIR || 'keys')
  const done = change(folder, values)
  if (process.env.PUBLIC_KEYS_DIR) publishKeys(folder, inProject(process.env.PUBLIC_KEYS_DIR))
  return done
}

function change (folder, values) {
  const bits = Number(values.bits)
  if (values.rotate) return rotateKey(folder, bits)
  if (values['rotate-pepper'] !== undefined) return addPepperVersion(folder, values['rotate-pepper'])
  if (values.drop !== undefined) return dropKey(folder, values.drop)
  return createAll(folder, bits)
}

function describe (err) {
  if (err instanceof KeyFileError || err.code?.startsWith('ERR_PARSE_ARGS')) return err.message
  return err.syscall && err.path ? `cannot write ${err.path} (${err.code})` : err.stack
}

try {
  process.stdout.write(main())
} catch (err) {
  process.stderr.write(`generate-keys: ${describe(err)}\n`)
  process.exitCode = 1
}
