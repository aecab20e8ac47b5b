// Fastify with its own JWT plugin, as the plugin's manual shows it; with VERIFIED_TOKENS it remembers that many of them.
import { readFileSync } from 'node:fs'
import jwt from '@fastify/jwt'
import { ANSWER, answerTo } from './answer.mjs'
import { createFastify, listen } from './logged-fastify.mjs'

const app = createFastify()
await app.register(jwt, {
  secret: { public: readFileSync(process.env.PUBLIC_KEY_PATH, 'utf8') },
  verify: { algorithms: ['RS256'], allowedIss: 'fastify-uws-auth', allowedAud: 'fastify-uws-auth', cache: Number(process.env.VERIFIED_TOKENS ?? 0) }
})
app.get('/protected', { onRequest: request => request.jwtVerify(), schema: { response: { 200: ANSWER } } }, async request => answerTo(request.user))
await listen(app)
