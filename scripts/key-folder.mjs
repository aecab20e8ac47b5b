import fs from 'node:fs'
import path from 'node:path'
import { createFile, createKeyPair, createPepperLine, KeyFileError, readBundle, readPepper, removeDrafts, replaceFile } from './key-files.mjs'

const PRIVATE = 'private.pem'
const PUBLIC = 'public.pem'
const PEPPERS = { refresh: 'refresh-token.pepper', password: 'password.pepper' }
const ALL = [PRIVATE, PUBLIC, ...Object.values(PEPPERS)]

// A new key is published this long before it signs; the API waits as long.
const PUBLICATION_MS = 60_000
const HIGHEST_PEPPER_VERSION = 255
// The minute of publication, the longest life an access token can be given, and a minute for differences between clocks.
const LONGEST_OVERLAP_MS = 62 * 60_000

/** Makes every file. Refuses when one of them is there, or when another process makes them: a pepper that is lost cannot be made again. */
export function createAll (folder, bits) {
  // A link that leads nowhere is there as well.
  const existing = ALL.filter(name => fs.lstatSync(path.join(folder, name), { throwIfNoEntry: false }) !== undefined)
  const missing = ALL.filter(name => !existing.includes(name))
  if (missing.length === 0) throw new KeyFileError(`${folder} has its keys already; use --rotate to add a key pair, --rotate-pepper to add a pepper version`)
  if (existing.length > 0) throw new KeyFileError(`${folder} holds ${existing.join(', ')} but not ${missing.join(', ')}; restore what is missing from a backup, or move the rest away to start with new keys. A pepper that no hash was made with yet can be added with --rotate-pepper`)
  fs.mkdirSync(folder, { recursive: true })
  const { kid, privateEntry, publicEntry } = createKeyPair(bits)
  for (const name of Object.values(PEPPERS)) writePepper(folder, name, [createPepperLine(1)], createFile)
  writePublic(folder, [publicEntry], createFile)
  writePrivate(folder, [privateEntry], createFile)
  return `Wrote a ${bits}-bit signing key and two peppers to ${folder}.\nkid ${kid}\nBack the peppers up as well, apart from the database.\n`
}

/** Adds a key pair. Running servers pick it up by themselves. */
export function rotateKey (folder, bits) {
  const publicEntries = readBundle(path.join(folder, PUBLIC))
  const privateEntries = readBundle(path.join(folder, PRIVATE))
  const { kid, privateEntry, publicEntry } = createKeyPair(bits)
  // Published before it can sign.
  writePublic(folder, [...publicEntries, publicEntry])
  writePrivate(folder, [...stillSigning(privateEntries), privateEntry])
  return `Added a ${bits}-bit signing key to ${folder}; it signs in 60 seconds.\nkid ${kid}\nOne access-token lifetime after that, --drop removes an old key: ${publicEntries.map(entry => entry.kid).join(', ')}\n`
}

// The newest key that has been published long enough signs until the ones after it have been, too.
function stillSigning (entries) {
  const latest = entries.findLastIndex(({ created }) => !(created.getTime() + PUBLICATION_MS > Date.now()))
  return entries.slice(Math.max(latest, 0))
}

/** Removes one key, public and private. */
export function dropKey (folder, kid) {
  const publicEntries = readBundle(path.join(folder, PUBLIC))
  const privateEntries = readBundle(path.join(folder, PRIVATE))
  if (![...publicEntries, ...privateEntries].some(entry => entry.kid === kid)) throw new KeyFileError(`no key ${kid} in ${folder}; there are ${publicEntries.map(entry => entry.kid).join(', ')}`)
  // A retired key is told by the one after it; it leaves too, or it would be good again without its successor.
  const publicLeft = publicEntries.filter((entry, index) => entry.kid !== kid && !isRetired(publicEntries[index + 1]))
  const privateLeft = privateEntries.filter(entry => entry.kid !== kid)
  if (publicLeft.length === 0 || privateLeft.length === 0) throw new KeyFileError(`${kid} is the only key that signs; add another with --rotate first`)
  // Nothing may be signed with a key that verifiers have forgotten.
  writePrivate(folder, privateLeft)
  writePublic(folder, publicLeft)
  removeDrafts(path.join(folder, PRIVATE), 0)
  return `Removed the key ${kid}.\nRunning servers forget it within seconds, and access tokens signed with it stop working then.\n`
}

/** Copies the public keys to a folder of their own, for what may not see the private ones. */
export function publishKeys (folder, publicFolder) {
  fs.mkdirSync(publicFolder, { recursive: true })
  fs.chmodSync(publicFolder, 0o755)
  replaceFile(path.join(publicFolder, PUBLIC), fs.readFileSync(path.join(folder, PUBLIC), 'utf8'), 0o644)
}

function isRetired (successor) {
  return successor !== undefined && successor.created.getTime() + LONGEST_OVERLAP_MS < Date.now()
}

/** Adds the next version of a pepper, the first when there is no file. */
export function addPepperVersion (folder, kind) {
  const name = Object.hasOwn(PEPPERS, kind) ? PEPPERS[kind] : undefined
  if (name === undefined) throw new KeyFileError('--rotate-pepper takes "refresh" or "password"')
  const file = path.join(folder, name)
  const lines = readPepper(file)
  const version = Number.parseInt(lines.at(-1)?.split(':')[0] ?? '0', 10) + 1
  if (!(version <= HIGHEST_PEPPER_VERSION)) throw new KeyFileError(`${name} has no version left after ${HIGHEST_PEPPER_VERSION}`)
  writePepper(folder, name, [...lines, createPepperLine(version)], fs.existsSync(file) ? replaceFile : createFile)
  return `Added version ${version} to ${file}.\nKeep the versions before it. Back the peppers up as well, apart from the database.\n`
}

function writePrivate (folder, entries, write = replaceFile) {
  write(path.join(folder, PRIVATE), entries.map(({ block }) => block).join('\n'), 0o400)
}

function writePublic (folder, entries, write = replaceFile) {
  write(path.join(folder, PUBLIC), entries.map(({ block }) => block).join('\n'), 0o644)
}

function writePepper (folder, name, lines, write = replaceFile) {
  write(path.join(folder, name), `${lines.join('\n')}\n`, 0o400)
}
