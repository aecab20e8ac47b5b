import { setTimeout as sleep } from 'node:timers/promises'

export interface LoginFailure { at: number, code: string | undefined }

export interface LoginLoad {
  /** Sign-ins answered with 200 so far. */
  signedIn: () => number
  /** Answers other than 200 and requests without one: when, and the code, none for no answer. */
  failures: () => LoginFailure[]
  /** Resolves with the ids of the sessions that were answered, when all sign-ins have been. */
  finished: Promise<string[]>
}

/** Signs in at a steady pace, whether or not earlier answers have come. What fails is tried again, as a person would. */
export function startLogins (url: string, { logins, perSecond, username }: { logins: number, perSecond: number, username: (n: number) => string }): LoginLoad {
  const failures: LoginFailure[] = []
  let signedIn = 0

  const signIn = async (n: number): Promise<string> => {
    for (;;) {
      const at = Date.now()
      const response = await fetch(`${url}/api/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: username(n), password: 'password123' })
      }).catch(() => undefined)
      const body = await response?.json().catch(() => undefined) as { session?: { id: string }, code?: string } | undefined
      if (response?.status === 200 && body?.session !== undefined) {
        signedIn += 1
        return body.session.id
      }
      failures.push({ at, code: body?.code })
      await sleep(500)
    }
  }
  const run = async (): Promise<string[]> => {
    const answers: Array<Promise<string>> = []
    const startedAt = performance.now()
    for (let n = 0; n < logins; n++) {
      await sleep(startedAt + n / perSecond * 1000 - performance.now())
      answers.push(signIn(n))
    }
    return await Promise.all(answers)
  }
  return { signedIn: () => signedIn, failures: () => failures, finished: run() }
}
