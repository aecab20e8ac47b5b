/** What a promise resolves with. @throws {Error} when that takes longer */
export async function within<Result> (ms: number, promise: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error(`no answer within ${ms} ms`), { code: 'no answer' })), ms)
  })
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
