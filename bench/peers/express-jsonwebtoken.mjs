// Express with jsonwebtoken, in a middleware as tutorials write it, and one line of pino for each answered request.
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import express from 'express'
import jsonwebtoken from 'jsonwebtoken'
import { pino } from 'pino'
import { answerTo } from './answer.mjs'

const key = createPublicKey(readFileSync(process.env.PUBLIC_KEY_PATH))
const log = pino()
const app = express().disable('x-powered-by').disable('etag')

app.use((request, response, next) => {
  const start = performance.now()
  response.once('finish', () => log.info({ method: request.method, path: request.path, status: response.statusCode, ms: Math.round((performance.now() - start) * 10) / 10, ip: request.ip }, 'request'))
  next()
})
app.get('/protected', authenticate, (request, response) => response.json(answerTo(request.user)))
app.listen(Number(process.env.PORT), '127.0.0.1', () => process.send('ready'))
process.on('disconnect', () => process.exit())

function authenticate (request, response, next) {
  const [, accessToken] = request.get('authorization')?.split(' ') ?? []
  try {
    request.user = jsonwebtoken.verify(accessToken, key, { algorithms: ['RS256'], issuer: 'fastify-uws-auth', audience: 'fastify-uws-auth' })
    next()
  } catch {
    response.status(401).json({ error: 'invalid_token' })
  }
}
