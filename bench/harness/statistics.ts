/** The middle one; of an even number the lower of the two. */
export function median (values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** @param share such as 0.99 */
export function percentile (values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
}

/** Each value by the one of the same slice: what two things measured side by side may be compared by. */
export function ratios (values: readonly number[], of: readonly number[]): number[] {
  return values.map((value, slice) => value / of[slice]!)
}

/** `0.87 (0.81–0.93)`: the median and the range. */
export function withRange (values: readonly number[], digits = 2): string {
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`
}

export function megabytes (bytes: number): number {
  return Number((bytes / 1024 / 1024).toFixed(1))
}
