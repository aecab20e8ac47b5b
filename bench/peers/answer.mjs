/** What each server answers to whom it has recognised: as many bytes as ours, and as little work. */
export function answerTo ({ sub, sid }) {
  return { message: 'Hello user1000, your access token is good.', user: { id: sub, username: 'user1000' }, session: { id: sid } }
}

/** JSON schema of the answer. */
export const ANSWER = {
  type: 'object',
  properties: {
    message: { type: 'string' },
    user: { type: 'object', properties: { id: { type: 'string' }, username: { type: 'string' } } },
    session: { type: 'object', properties: { id: { type: 'string' } } }
  }
}
