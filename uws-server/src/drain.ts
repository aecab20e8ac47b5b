import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from './connection.js'

const SLICE_EVERY_MS = 100
/** Fewer sockets than these a second need no time at all. */
const UNHURRIED_PER_SECOND = 2000
/** Within which a client that was told to go picks its moment to come back. */
const RECONNECT_WITHIN_MS = 5000

/**
 * Tells every client to reconnect elsewhere and closes with 1012: in random order and in slices, so that those who take
 * the clients over are not met by all of them at once.
 * @param withinMs the longest it may take; few sockets take less
 */
export async function drainSockets (connections: Connection[], withinMs: number, random: () => number): Promise<void> {
  const waiting = shuffle(connections, random)
  const durationMs = Math.min(withinMs, waiting.length / UNHURRIED_PER_SECOND * 1000)
  const perSlice = Math.ceil(waiting.length / Math.max(1, Math.floor(durationMs / SLICE_EVERY_MS)))
  while (waiting.length > 0) {
    for (const connection of waiting.splice(0, perSlice)) connection.drain(RECONNECT_WITHIN_MS)
    if (waiting.length > 0) await sleep(SLICE_EVERY_MS)
  }
}

function shuffle<Item> (items: Item[], random: () => number): Item[] {
  return items.map(item => ({ item, place: random() })).sort((a, b) => a.place - b.place).map(({ item }) => item)
}
