/** Lines of a table whose first column is text and whose others are figures. */
export function formatTable (head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map(cells => cells[column]!.length)))
  const line = (cells: readonly string[]) => cells.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)).join('  ').trimEnd()
  return [line(head), widths.map(width => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}

/** Percent without pretending: anything above nothing is not printed as 0, anything below all not as 100. */
export function percent (count: number, total: number): string {
  if (count === 0) return '0 %'
  if (count === total) return '100 %'
  return `${Math.min(99.9, Math.max(0.1, count / total * 100)).toFixed(1)} %`
}

export function median (values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
