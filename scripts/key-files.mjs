import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

const DRAFT = /^\.[0-9a-f]{8}\.new$/
/** What a process was killed in the middle of; younger drafts may be another one's that still writes. */
const FORGOTTEN_MS = 60_000
const WITHOUT_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'ENOSYS'])

/** A mistake to put right before anything is written; the message is all that is needed. */
export class KeyFileError extends Error {}

/**
 * Writes a file complete or not at all, with its mode from the beginning whatever the umask. A file that is replaced
 * keeps its owner, so that a rotation by root does not lock a service out.
 */
export function replaceFile (file, text, mode) {
  writeDraft(file, text, mode, draft => fs.renameSync(draft, file))
}

/**
 * As `replaceFile`, but of two that write the same file at once only one does.
 * @throws {KeyFileError} when the file is there
 */
export function createFile (file, text, mode) {
  writeDraft(file, text, mode, draft => {
    try {
      publishNew(draft, file)
    } catch (err) {
      throw err.code === 'EEXIST' ? new KeyFileError(`${file} is there now: another process makes keys in this folder; wait until it has ended, and use its keys`) : err
    }
  })
}

// Some file systems have no hard links, such as those of Windows shares; a copy may be cut off by a crash.
function publishNew (draft, file) {
  try {
    fs.linkSync(draft, file)
  } catch (err) {
    if (!WITHOUT_HARD_LINKS.has(err.code)) throw err
    fs.copyFileSync(draft, file, fs.constants.COPYFILE_EXCL)
  }
}

/**
 * Removes what is left of writing a file by processes that were killed.
 * @param olderThanMs since the draft was written; 0 when no other process can be at it
 */
export function removeDrafts (file, olderThanMs = FORGOTTEN_MS) {
  const [folder, name] = [path.dirname(file), path.basename(file)]
  for (const entry of fs.readdirSync(folder).filter(entry => entry.startsWith(name) && DRAFT.test(entry.slice(name.length)))) {
    const draft = path.join(folder, entry)
    const written = fs.statSync(draft, { throwIfNoEntry: false })
    if (written !== undefined && Date.now() - written.mtimeMs >= olderThanMs) fs.rmSync(draft, { force: true })
  }
}

function writeDraft (file, text, mode, publish) {
  removeDrafts(file)
  const draft = `${file}.${randomBytes(4).toString('hex')}.new`
  const descriptor = fs.openSync(draft, 'wx', mode)
  try {
    try {
      fs.fchmodSync(descriptor, mode)
      const previous = fs.statSync(file, { throwIfNoEntry: false })
      if (previous && process.getuid() === 0) fs.fchownSync(descriptor, previous.uid, previous.gid)
      fs.writeFileSync(descriptor, text)
      fs.fsyncSync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
    publish(draft)
  } finally {
    fs.rmSync(draft, { force: true })
  }
}

/** The PEM blocks of a bundle with the text line before each, newest last. Without that line, `created` is an invalid date. */
export function readBundle (file) {
  return [...readText(file).matchAll(/(?:Created: (.+)\n)?-----BEGIN ([A-Z ]+)-----[^-]+-----END \2-----\n?/g)].map(([block, created]) => ({
    block: block.endsWith('\n') ? block : `${block}\n`,
    kid: thumbprint(block.slice(block.indexOf('-----'))),
    created: new Date(created ?? NaN)
  }))
}

/** A new RSA key pair as blocks of the two bundles, each under the instant it was made. */
export function createKeyPair (bits) {
  const created = new Date()
  const heading = `Created: ${created.toISOString()}\n`
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: bits,
    publicExponent: 65537,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' }
  })
  const kid = thumbprint(publicKey)
  return { kid, privateEntry: { block: heading + privateKey, kid, created }, publicEntry: { block: heading + publicKey, kid, created } }
}

/** The lines of a pepper file, none when there is no file. */
export function readPepper (file) {
  return fs.existsSync(file) ? readText(file).split('\n').filter(Boolean) : []
}

/** One line of a pepper file: 32 random bytes. */
export function createPepperLine (version) {
  return `${version}:${randomBytes(32).toString('base64')}`
}

function readText (file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (err) {
    throw new KeyFileError(`cannot read ${file} (${err.code})`)
  }
}

// RFC 7638, section 3: these members, in this order.
function thumbprint (pem) {
  const { e, kty, n } = createPublicKey(pem).export({ format: 'jwk' })
  return createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url')
}
