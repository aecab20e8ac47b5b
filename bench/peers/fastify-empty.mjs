// Fastify with nothing but a log: what it costs to be asked at all.
import { ANSWER, answerTo } from './answer.mjs'
import { createFastify, listen } from './logged-fastify.mjs'

const ID = '00000000-0000-4000-8000-000000000000'

const app = createFastify()
app.get('/protected', { schema: { response: { 200: ANSWER } } }, async () => answerTo({ sub: ID, sid: ID }))
await listen(app)
