import { AuthError } from '@fastify-uws-auth/auth-contract'
import fp from 'fastify-plugin'
import { isRepeated } from '../repeated-header.js'

/** Largest body in bytes. */
export const BODY_LIMIT = 16_384

const JSON_TYPE = /^application\/json(?:\s*;\s*charset=utf-8)?$/i
const METHODS_WITH_BODY = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Bodies are JSON in UTF-8 and nothing else. An empty one counts as `{}`. `__proto__` and `constructor` members are
 * refused while parsing.
 */
export default fp(async app => {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (request, body, done) => {
    if (body.length === 0) return done(null, {})
    let text: string
    try {
      text = utf8.decode(body as Buffer)
    } catch (err) {
      return done(new AuthError('invalid_request', { detail: 'The body is not UTF-8.', cause: err }))
    }
    parse(request, text, done)
  })

  // Before any parser is chosen: a type that is almost JSON must not be parsed, nor pass unvalidated.
  app.addHook('onRequest', (request, _reply, done) => {
    if (!METHODS_WITH_BODY.has(request.method)) return done()
    const { 'content-type': type, 'content-length': length, 'transfer-encoding': encoding } = request.headers
    const hasBody = encoding !== undefined || (length !== undefined && length !== '0')
    if (type === undefined ? hasBody : !JSON_TYPE.test(type) || isRepeated(request.raw, 'content-type')) return done(new AuthError('unsupported_media_type'))
    done()
  })

  app.addHook('preValidation', (request, _reply, done) => {
    if (METHODS_WITH_BODY.has(request.method) && request.body === undefined && request.routeOptions.schema?.body !== undefined) request.body = {}
    done()
  })
}, { name: 'json-body' })
