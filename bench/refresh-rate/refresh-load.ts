// A process of its own, so that the client's work does not hide in the server's: refreshes as fast as it is answered.
import { Agent, request } from 'node:http'

const CLIENTS = 32

const url = process.argv[2]!
const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
const cookies: string[] = []

process.on('message', async (milliseconds: number) => {
  while (cookies.length < CLIENTS) cookies.push(await post('/api/login', '', JSON.stringify({ username: 'testuser', password: 'password123' })))
  const latencies: number[] = []
  const start = performance.now()
  const end = start + milliseconds
  await Promise.all(cookies.map(async (_, index) => {
    while (performance.now() < end) {
      const sentAt = performance.now()
      cookies[index] = await post('/api/refresh', cookies[index]!)
      latencies.push(performance.now() - sentAt)
    }
  }))
  process.send!({ perSecond: latencies.length / (performance.now() - start) * 1000, latencies })
})
process.on('disconnect', () => process.exit())

function post (path: string, cookie: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { ...cookie ? { cookie } : {}, ...body ? { 'content-type': 'application/json' } : {} }
    request(`${url}${path}`, { method: 'POST', agent, headers }, response => {
      response.resume().once('end', () => {
        if (response.statusCode === 200) resolve(response.headers['set-cookie']![0]!.split(';')[0]!)
        else reject(new Error(`${path} answered ${response.statusCode}`))
      })
    }).once('error', reject).end(body)
  })
}
