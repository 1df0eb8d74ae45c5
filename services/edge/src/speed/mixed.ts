import type { BenchRow } from '@spate/runtime/bench'
import { SeededChance } from '@spate/runtime/chance'
import { Zipf } from '../store/hit-ratio.ts'
import type { OriginCount } from './crowds.ts'
import { openLoad, type LoadFigures } from './open-load.ts'
import { cpuUs } from './processes.ts'
import { cells, inTurns, median, speedRow, spread } from './rounds.ts'
import type { Measured } from './subjects.ts'

/** 80 % of requests find one of these objects stored, 15 % ask for one of a kind, 5 % is for one client only. */
const load = { rate: 10_000, seconds: 2.5, connections: 200, objects: 2000 } as const

interface Mixed extends LoadFigures {
  readonly forwardedShare: number
  readonly cpuUs: number
}

/** 10,000 requests a second of all kinds on one core. */
export async function mixedRow(
  subjects: readonly Measured[],
  count: OriginCount,
): Promise<BenchRow> {
  for (const { url } of subjects)
    await openLoad({ url, rate: 1500, seconds: load.objects / 1500, connections: 50, path: sized })
  let round = 0
  const rounds = await inTurns(subjects, 3, (subject) => mixed(subject, count, round++))
  const ours = rounds.get('spate') ?? []
  const p99Ms = median(ours.map((each) => each.p99Ms))
  const rate = median(ours.map((each) => each.rate))
  const failed = ours.reduce((sum, each) => sum + each.failed, 0)
  return speedRow(`mixed load, ${load.rate}/s offered`, cells(rounds, told), {
    goal: '10,000/s, P99 < 50 ms',
    met: p99Ms < 50 && failed === 0 && rate > 0.98 * load.rate,
    found: `P99 ${p99Ms.toFixed(1)} ms at ${rate.toFixed(0)}/s`,
  })
}

const sized = (at: number): string => `/sized/${sizeOf(at)}-${at}`

/** Sizes by share of objects; by number, so that an object keeps its own. */
function sizeOf(number: number): number {
  const at = (number * 617) % 1000
  if (at < 640) return 1024
  if (at < 890) return 4096
  if (at < 980) return 16_384
  return at < 999 ? 102_400 : 1_048_576
}

async function mixed({ url, pid }: Measured, count: OriginCount, round: number): Promise<Mixed> {
  const chance = new SeededChance(11)
  const zipf = new Zipf(load.objects, chance)
  const paths = Array.from({ length: load.rate * load.seconds }, (_, at) => {
    const kind = chance.float()
    if (kind < 0.8) return sized(zipf.next())
    const own = `${sizeOf(at)}-${round}-${at}`
    return kind < 0.95 ? `/sized/${own}` : `/private/${own}`
  })
  const before = await count()
  const usedUs = await cpuUs(pid)
  const figures = await openLoad({ url, ...load, path: (at) => paths[at] as string })
  const answered = Math.max(1, figures.answered)
  return {
    ...figures,
    cpuUs: ((await cpuUs(pid)) - usedUs) / answered,
    forwardedShare: ((await count()) - before) / answered,
  }
}

function told(figures: readonly Mixed[]): string {
  const of = (pick: (each: Mixed) => number): readonly number[] => figures.map(pick)
  const rate = median(of((each) => each.rate))
  const meanMs = median(of((each) => each.meanMs))
  const failed = figures.reduce((sum, each) => sum + each.failed, 0)
  const forwarded = 100 * median(of((each) => each.forwardedShare))
  return [
    `P99 ${spread(
      of((each) => each.p99Ms),
      1,
    )} ms, P50 ${median(of((each) => each.p50Ms)).toFixed(1)} ms`,
    `${failed} failed, ${forwarded.toFixed(0)} % to the origin`,
    `${median(of((each) => each.cpuUs)).toFixed(0)} us CPU (${rate.toFixed(0)}/s x ${meanMs.toFixed(1)} ms = ${((rate * meanMs) / 1000).toFixed(0)})`,
  ].join(', ')
}
