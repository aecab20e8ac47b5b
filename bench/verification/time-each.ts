/** Does something with each, one after another. @returns the microseconds of each call */
export async function timeEach<Input> (work: (input: Input) => unknown, inputs: readonly Input[]): Promise<number[]> {
  const times: number[] = []
  for (const input of inputs) {
    const start = performance.now()
    const pending = work(input)
    if (pending instanceof Promise) await pending
    times.push((performance.now() - start) * 1000)
  }
  return times
}
