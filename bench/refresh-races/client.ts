/** What both APIs of a race need to be asked; cookies travel as text, since one race holds many of them. */
export interface Answer { status: number, cookie: string | undefined, accessToken: string | undefined, sentAt: number, receivedAt: number }

async function ask (url: string, init: RequestInit): Promise<Answer> {
  const sentAt = performance.now()
  const response = await fetch(url, init)
  const text = await response.text()
  const receivedAt = performance.now()
  const body = text === '' ? {} : JSON.parse(text) as { accessToken?: string }
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0]
  return { status: response.status, cookie, accessToken: body.accessToken, sentAt, receivedAt }
}

export interface Session { cookie: string, accessToken: string }

/** Signs the demo account in. */
export async function signIn (url: string): Promise<Session> {
  const { status, cookie, accessToken } = await ask(`${url}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'testuser', password: 'password123' })
  })
  if (cookie === undefined || accessToken === undefined) throw new Error(`login answered ${status}`)
  return { cookie, accessToken }
}

export async function refresh (url: string, cookie: string): Promise<Answer> {
  return await ask(`${url}/api/refresh`, { method: 'POST', headers: { cookie } })
}

export async function logout (url: string, cookie: string): Promise<Answer> {
  return await ask(`${url}/api/logout`, { method: 'POST', headers: { cookie } })
}

/** The status of a protected endpoint for an access token. */
export async function tryAccess (url: string, accessToken: string): Promise<number> {
  return (await ask(`${url}/api/protected`, { headers: { authorization: `Bearer ${accessToken}` } })).status
}

/** The session id inside an access token, which nobody here has to verify. */
export function sessionIdOf (accessToken: string): string {
  return (JSON.parse(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString()) as { sid: string }).sid
}
