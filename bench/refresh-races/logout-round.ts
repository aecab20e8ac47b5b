import { setTimeout as sleep } from 'node:timers/promises'
import { logout, refresh, signIn, tryAccess, type Answer } from './client.js'

const REFRESHERS_EACH = 3
const LONGEST_HEAD_START_MS = 30

export interface LogoutResult {
  /** Refreshes by how they began: before the logout was sent, while it was under way, after its answer. */
  sent: { before: number, during: number, after: number }
  statuses: Record<number, number>
  accessTokens: number
  /** What must not be. */
  faults: string[]
}

/**
 * One session is refreshed on all APIs, each request after the last one's answer, while a logout runs on one of them.
 * Returns when every access token of the round is refused everywhere; that this takes a moment on the API that only
 * hears of the logout is as intended, that it never happens would not end.
 * @param random at least 0, less than 1: when the logout begins, and where
 */
export async function playLogout (urls: readonly string[], random: () => number): Promise<LogoutResult> {
  const session = await signIn(urls[0]!)
  const answers: Answer[] = []
  let loggedOut: Answer | undefined

  async function refreshUntilRefused (url: string): Promise<void> {
    let { cookie } = session
    for (;;) {
      // The first request after the logout's answer ends it, whatever it says.
      const isLast = loggedOut !== undefined
      const answer = await refresh(url, cookie)
      answers.push(answer)
      if (isLast || answer.status === 401) return
      cookie = answer.cookie ?? cookie
    }
  }

  const [out] = await Promise.all([
    sleep(random() * LONGEST_HEAD_START_MS).then(async () => {
      loggedOut = await logout(urls[Math.floor(random() * urls.length)]!, session.cookie)
      return loggedOut
    }),
    ...urls.flatMap(url => Array.from({ length: REFRESHERS_EACH }, () => refreshUntilRefused(url)))
  ])
  const cookies = new Set([session.cookie, ...answers.map(({ cookie }) => cookie).filter(cookie => cookie !== undefined)])
  for (const url of urls) for (const cookie of cookies) answers.push(await refresh(url, cookie))

  const accessTokens = [session.accessToken, ...answers.map(({ accessToken }) => accessToken).filter(token => token !== undefined)]
  await Promise.all(urls.flatMap(url => accessTokens.map(token => untilRefused(url, token))))

  const after = answers.filter(({ sentAt }) => sentAt > out.receivedAt)
  const before = answers.filter(({ sentAt }) => sentAt < out.sentAt)
  return {
    sent: { before: before.length, during: answers.length - before.length - after.length, after: after.length },
    statuses: countStatuses(answers),
    accessTokens: accessTokens.length,
    faults: [
      ...out.status === 204 ? [] : [`logout answered ${out.status}`],
      ...after.filter(({ status }) => status !== 401).map(({ status }) => `a refresh after the logout answered ${status}`),
      ...after.filter(({ accessToken }) => accessToken !== undefined).map(() => 'an access token was issued after the logout'),
      ...answers.filter(({ status }) => ![200, 401, 429].includes(status)).map(({ status }) => `a refresh answered ${status}`)
    ]
  }
}

/** Whether the access token came from before or after: it has to be refused in the end, and stay refused. */
async function untilRefused (url: string, accessToken: string): Promise<void> {
  while (await tryAccess(url, accessToken) !== 401) await sleep(5)
}

function countStatuses (answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
