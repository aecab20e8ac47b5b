import { figureOf, type Figure } from '../harness/measurements.js'
import { median } from '../harness/statistics.js'
import type { Costs, Part } from './costs.js'

const PARTS: Part[] = ['api', 'postgres', 'redis', 'worker', 'broker', 'sockets']

export const COST_HEAD = [...PARTS, 'WAL bytes', 'commits', 'Redis']

/** The figures of one operation by their ids: the medians of the rounds with their ranges. */
export function costFigures (id: string, rounds: readonly Costs[]): Array<[string, Figure]> {
  const figure = (name: string, what: string, unit: string, of: (costs: Costs) => number): [string, Figure] =>
    [`operations.${id}.${name}`, figureOf(`${id}: ${what}`, unit, rounds.map(costs => Number(of(costs).toPrecision(4))))]
  return [
    ...partsOf(rounds).map(part => figure(`${part}Cpu`, `CPU of ${part}`, 'µs', ({ cpu }) => cpu[part]!)),
    figure('walBytes', 'write-ahead log', 'B', ({ walBytes }) => walBytes),
    figure('commits', 'transactions that write', '', ({ commits }) => commits),
    ...rounds[0]!.cpu.redis === undefined ? [] : [figure('redisCommands', 'commands of Redis', '', ({ redisCommands }) => redisCommands)]
  ]
}

/** The same as cells below `COST_HEAD`; two digits of what is counted in steps. */
export function costRow (rounds: readonly Costs[]): string[] {
  const parts = partsOf(rounds)
  const cell = (of: (costs: Costs) => number, digits = 2): string => {
    const values = rounds.map(of)
    const [middle, low, high] = [median(values), Math.min(...values), Math.max(...values)].map(value => rounded(value, digits))
    return low === high ? middle! : `${middle} (${low}–${high})`
  }
  return [
    ...PARTS.map(part => parts.includes(part) ? cell(({ cpu }) => cpu[part]!) : ''),
    cell(({ walBytes }) => walBytes),
    cell(({ commits }) => commits, 3),
    rounds[0]!.cpu.redis === undefined ? '' : cell(({ redisCommands }) => redisCommands, 3)
  ]
}

function partsOf (rounds: readonly Costs[]): Part[] {
  return PARTS.filter(part => rounds[0]!.cpu[part] !== undefined)
}

function rounded (value: number, digits: number): string {
  return value < 0.005 ? '0' : Number(value.toPrecision(digits)).toLocaleString('en', { maximumFractionDigits: 2 })
}
