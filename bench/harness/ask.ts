import { request, type Agent } from 'node:http'

/** `cookies` are the values of `set-cookie`. */
export interface Answer { status: number, body: string, cookies: string[] }

export interface Question { method: string, url: string, headers?: Record<string, string>, body?: string | undefined }

/** One request over a connection of the agent. Resolves with whatever is answered, rejects when nothing is. */
export function ask (agent: Agent, { method, url, headers = {}, body }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(url, { method, agent, headers }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => { text += chunk }).once('error', reject).once('end', () => {
        resolve({ status: response.statusCode!, body: text, cookies: response.headers['set-cookie'] ?? [] })
      })
    }).once('error', reject).end(body)
  })
}
