import fc from 'fast-check'
import t from 'tap'
import { defaultOrigins, parseOrigins } from '../src/origins.js'

t.test('by default this machine by each of its names', t => {
  t.strictSame(defaultOrigins(3000), ['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000'])
  t.strictSame(parseOrigins(defaultOrigins(3000).join(',')), defaultOrigins(3000))
  t.end()
})

t.test('a list with spaces and empty entries', t => {
  t.strictSame(parseOrigins(' https://app.example.com , http://localhost:8080,, '), ['https://app.example.com', 'http://localhost:8080'])
  t.strictSame(parseOrigins(''), [])
  t.end()
})

t.test('only what a browser would send', t => {
  for (const entry of ['*', 'null', 'app.example.com', '//app.example.com', 'https://', 'https://*.example.com', 'https://app.example.com/', 'https://app.example.com/path',
    'https://app.example.com?x', 'https://app.example.com#x', 'https://app.example.com:443', 'http://app.example.com:80', 'HTTPS://app.example.com', 'https://App.example.com',
    'https://user@app.example.com', 'https://user:pw@app.example.com', 'https://app.example.com:99999', 'https://bücher.example', 'https://127.1', 'https://[0:0:0:0:0:0:0:1]',
    'file:///etc/passwd', 'data:text/html,x', 'javascript:alert(1)', 'about:blank', 'https://app.example.com;https://evil.example', '/^https:.*$/', '__proto__']) {
    t.throws(() => parseOrigins(`https://app.example.com,${entry}`), RangeError, entry)
  }
  t.end()
})

t.test('what is accepted is its own origin', t => {
  fc.assert(fc.property(fc.oneof(fc.webUrl(), fc.webUrl().map(url => new URL(url).origin), fc.string()), text => {
    try {
      return parseOrigins(text).every(entry => new URL(entry).origin === entry)
    } catch (err) {
      return err instanceof RangeError
    }
  }))
  t.end()
})
