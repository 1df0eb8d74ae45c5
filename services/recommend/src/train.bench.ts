import type { BenchTable } from '@spate/runtime/bench'
import { SeededChance } from '@spate/runtime/chance'
import { cpuMs } from '@spate/runtime/host'
import { choose, modelMakers, trainingDefaults } from './domain/learn/training.ts'
import { Names, toInteractions, type DataRow } from './evaluation/data-set.ts'

type Row = BenchTable['rows'][number]

/** Interactions, with their users and items, and the seconds a training of them may take. */
const sizes = [
  { label: '100,000 interactions', events: 100_000, users: 10_000, items: 5000, limit: 10 },
  { label: '1,000,000 interactions', events: 1_000_000, users: 100_000, items: 20_000, limit: 60 },
]

/** Training by stage, all of it on one core. */
export async function run(): Promise<BenchTable> {
  return Promise.resolve({
    name: 'train',
    title: 'Recommend: seconds of training, by stage',
    rows: [control(), ...sizes.map(trained)],
    notes: [
      'CPU seconds on one core; the program trains the models and chooses the mixture in two threads',
      'made-up data: items by Zipf (0.9), half of the events in a category of the user, seed 6',
      'load: rows to histories; choice: models on a cut, mixtures chosen on 1500 users, both kinds of lists',
      'control: a billion multiply-adds in a plain loop over 64 KB',
    ],
  })
}

function control(): Row {
  const values = new Float64Array(8192).fill(0.5)
  const startMs = cpuMs()
  let sum = 0
  for (let round = 0; round < 1e9 / values.length; round++)
    for (let at = 0; at < values.length; at++) sum += (values[at] as number) * 0.999
  return { label: `control${sum > 0 ? '' : '!'}`, figures: { total: seconds(startMs) } }
}

function trained({ label, events, users, items, limit }: (typeof sizes)[number]): Row {
  const rows = zipfRows(users, items, events)
  const figures: Record<string, number> = {}
  const timed = <Made>(stage: string, make: () => Made): Made => {
    const startMs = cpuMs()
    const made = make()
    figures[stage] = seconds(startMs)
    return made
  }
  const data = timed('load', () => toInteractions(rows, new Names(), new Names()))
  const makers: Readonly<Record<string, () => unknown>> = modelMakers(data, trainingDefaults) ?? {}
  for (const [stage, make] of Object.entries(makers)) timed(stage, make)
  timed('choice', () => choose(data, trainingDefaults))
  const total = Object.values(figures).reduce((sum, spent) => sum + spent, 0)
  return { label, figures: { ...figures, total, limit } }
}

function seconds(sinceMs: number): number {
  return Number(((cpuMs() - sinceMs) / 1000).toFixed(2))
}

/** The same each time. */
function zipfRows(users: number, items: number, events: number): DataRow[] {
  const chance = new SeededChance(6)
  const mass = new Float64Array(items)
  for (let at = 0, sum = 0; at < items; at++) mass[at] = sum += (at + 1) ** -0.9
  const all = mass[items - 1] as number
  return Array.from({ length: events }, (_, at) => {
    // Everybody once, then some far more often than others.
    const user = at < users ? at : Math.floor(users * chance.float() ** 2)
    const drawn = placeOf(mass, chance.float() * all)
    const own = drawn - (drawn % 40) + (user % 40)
    const item = chance.float() < 0.5 ? Math.min(own, items - 1) : drawn
    const timeMs = 1_700_000_000_000 + (60 * 86_400_000 * at) / events
    return { user: `u${user}`, item: `i${item}`, timeMs, weight: 1 }
  })
}

/** First place whose running sum reaches `wanted`. */
function placeOf(mass: Float64Array, wanted: number): number {
  let low = 0
  let high = mass.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((mass[middle] as number) < wanted) low = middle + 1
    else high = middle
  }
  return low
}
