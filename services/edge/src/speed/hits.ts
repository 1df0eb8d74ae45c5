import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchRow } from '@spate/runtime/bench'
import { cells, inTurns, median, ratios, speedRow, spread } from './rounds.ts'
import { measuredEdge, type Measured } from './subjects.ts'
import { wrk, type WrkFigures } from './wrk.ts'

interface Size {
  readonly label: string
  readonly bytes: number
  readonly rounds: number
  /** Requests a second in terms of nginx. */
  readonly goal: number
  /** P99 must not be above that of nginx. */
  readonly tail: boolean
}

const sizes: readonly Size[] = [
  { label: '1 KB hit', bytes: 1024, rounds: 5, goal: 1.2, tail: true },
  { label: '10 KB hit', bytes: 10_240, rounds: 3, goal: 0.8, tail: false },
  { label: '1 MB hit', bytes: 1_048_576, rounds: 3, goal: 0.8, tail: false },
]

/** Hits of one object: requests a second against nginx, CPU time of one, P99. */
export async function hitRows(subjects: readonly Measured[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const size of sizes) {
    const path = `/size/${size.bytes}`
    for (const subject of subjects) await wrk(subject, path)
    const rounds = await inTurns(subjects, size.rounds, (subject) => wrk(subject, path))
    const [ours, theirs] = [rounds.get('spate') ?? [], rounds.get('nginx') ?? []]
    const faster = ratios(ours.map(rateOf), theirs.map(rateOf))
    const cheaper = ratios(theirs.map(costOf), ours.map(costOf))
    const tail = median(ours.map(tailOf)) <= median(theirs.map(tailOf))
    const met = median(faster) >= size.goal && (tail || !size.tail)
    rows.push(
      speedRow(size.label, cells(rounds, told), {
        goal: `>= ${size.goal}x nginx${size.tail ? ', P99 no worse' : ''}`,
        met: theirs.length === 0 ? undefined : met,
        found: `${spread(faster, 2)}x, by CPU ${median(cheaper).toFixed(2)}x`,
      }),
    )
  }
  return rows
}

const rateOf = ({ rate }: WrkFigures): number => rate
const costOf = ({ cpuUs }: WrkFigures): number => cpuUs
const tailOf = ({ p99Ms }: WrkFigures): number => p99Ms

function told(figures: readonly WrkFigures[]): string {
  const tail = spread(figures.map(tailOf), 2)
  const cost = median(figures.map(costOf)).toFixed(1)
  return `${spread(figures.map(rateOf))}/s, P99 ${tail} ms, ${cost} us CPU`
}

const crowds = [1000, 10_000, 100_000, 1_000_000]
const growthMax = 1.25

/** What a hit costs with more and more objects stored; which of them is drawn as zipf 1.0 has it. */
export async function sizeRow(origin: string): Promise<BenchRow> {
  const folder = await mkdtemp(join(tmpdir(), 'spate-wrk-'))
  const edges: (Measured & { objects: number })[] = []
  for (const objects of crowds) {
    const edge = await measuredEdge(origin, objects)
    edges.push({ ...edge, name: String(objects), objects })
    await writeFile(join(folder, String(objects)), drawing(objects))
  }
  const one = (edge: Measured): Promise<WrkFigures> =>
    wrk(edge, '/o/0', ['-s', join(folder, edge.name)])
  await inTurns(edges, 1, one)
  const rounds = await inTurns(edges, 3, one)
  await Promise.all(edges.map((edge) => edge.stop()))
  await rm(folder, { recursive: true })
  const costs = crowds.map((objects) => (rounds.get(String(objects)) ?? []).map(costOf))
  const growth = ratios(costs.at(-1) ?? [], costs[0] ?? [])
  return speedRow(
    'hit among 10^3, 10^4, 10^5, 10^6 objects, us CPU',
    { spate: costs.map((each) => spread(each, 1)).join(', ') },
    {
      goal: `flat: <= ${growthMax}x`,
      met: median(growth) <= growthMax,
      found: `${spread(growth, 2)}x`,
    },
  )
}

/** Weights of 1/rank are even over the logarithm of the rank. */
const drawing = (objects: number): string => `
math.randomseed(7)
request = function()
  return wrk.format(nil, "/o/" .. math.floor(${objects} ^ math.random()) - 1)
end
`
