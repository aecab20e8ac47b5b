import fc from 'fast-check'
import t from 'tap'
import { parsePemBundle } from '../src/pem-bundle.js'

const block = (label: string, body = 'AAAA') => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`

t.test('blocks in their order, with label and text', t => {
  const text = `first\n${block('PUBLIC KEY', 'AAAA\nBBB=')}between\n${block('PRIVATE KEY', 'CCCC')}last`
  t.strictSame(parsePemBundle(text).map(({ label, pem }) => [label, pem]), [
    ['PUBLIC KEY', block('PUBLIC KEY', 'AAAA\nBBB=').trimEnd()],
    ['PRIVATE KEY', block('PRIVATE KEY', 'CCCC').trimEnd()]
  ])
  t.end()
})

t.test('a creation date belongs to the block below it', t => {
  const dates = (text: string) => parsePemBundle(text).map(({ createdAt }) => createdAt?.toISOString())
  t.strictSame(dates(`Created: 2026-01-02T03:04:05Z\n${block('A')}${block('B')}Created: 2026-02-03T04:05:06.789Z\r\n${block('C')}`),
    ['2026-01-02T03:04:05.000Z', undefined, '2026-02-03T04:05:06.789Z'])
  t.strictSame(dates(`${block('A')}Created: 2026-01-02T03:04:05Z\n`), [undefined], 'below the last block it means nothing')
  t.strictSame(dates(`# Created: 2026-01-02T03:04:05Z\n${block('A')}`), [undefined], 'it has a line of its own')
  t.end()
})

t.test('what is no complete block is no block', t => {
  for (const text of ['', 'text', '-----BEGIN A-----', '-----BEGIN A-----\nAAAA', '-----BEGIN A-----\nAAAA\n-----END B-----', '-----BEGIN A-----\nAA!A\n-----END A-----',
    '-----BEGIN a-----\nAAAA\n-----END a-----', '-----BEGIN A-----\n-----BEGIN A-----\n']) {
    t.strictSame(parsePemBundle(text), [], JSON.stringify(text))
  }
  t.end()
})

t.test('whatever the text, it answers', t => {
  const piece = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('-----BEGIN A-----', '-----END A-----', '-----', 'Created: ', '\n', 'AAAA'))
  fc.assert(fc.property(fc.array(piece).map(pieces => pieces.join('')), text => parsePemBundle(text).every(({ pem }) => text.includes(pem))))
  t.end()
})

t.test('a Created line that is no instant is a mistake, not a key that lasts for ever', t => {
  const pem = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'
  t.throws(() => parsePemBundle(`Created: 2026-13-45\n${pem}`), /Created line/)
  t.end()
})
