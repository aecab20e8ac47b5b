/** Does something for each item, so many at a time. */
export async function inParallel<Item> (atOnce: number, items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = items.values()
  await Promise.all(Array.from({ length: atOnce }, async () => { for (const item of left) await work(item) }))
}
