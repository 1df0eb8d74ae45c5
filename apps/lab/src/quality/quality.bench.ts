import type { BenchRow, BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { compare, type Comparison } from './compare.ts'
import { shapes, type Shape } from './shapes.ts'

/** Names of shapes to run, separated by `;`; all of them where nothing is named. */
const named = process.env['SPATE_QUALITY_SHAPES']?.split(';')

/** The shipped default against simple baselines on made-up data of every shape we could think of. */
export async function run(): Promise<BenchTable> {
  const rows: BenchRow[] = []
  for (const [name, make] of Object.entries(shapes))
    if (!named || named.includes(name))
      for (const excludeSeen of [true, false]) rows.push(await rowOf(make(), excludeSeen))
  return {
    name: 'quality',
    title: 'Recommend: lists against simple baselines, full ranking',
    rows,
    notes: [
      'made-up data with fixed seeds; the mixture is chosen by the engine on TRAIN alone, nothing is set by shape',
      'controls: popularity, popularity of the last tenth, ItemKNN, EASE (lambda 500, 1000 items), RP3beta, own most frequent, last transition; written apart from the engine (apps/lab/src/quality/baselines.ts)',
      'new: what the user has in TRAIN is left out; all: lists may repeat it. The interval is 95 %',
      'below: the best control is above the interval',
    ],
  }
}

async function rowOf(shape: Shape, excludeSeen: boolean): Promise<BenchRow> {
  const { engine, baselines } = await compare(shape, excludeSeen, () => systemClock.elapsed())
  const [name, best] = bestOf(baselines)
  const ndcg = engine.metrics['ndcg@10'] ?? { value: 0, low: 0, high: 0 }
  return {
    label: `${shape.name}, ${excludeSeen ? 'new' : 'all'}`,
    figures: {
      lines: shape.train.length,
      items: engine.items,
      users: engine.users,
      'NDCG@10': `${ndcg.value.toFixed(4)} (${ndcg.low.toFixed(4)}..${ndcg.high.toFixed(4)})`,
      'HR@10': (engine.metrics['hr@10']?.value ?? 0).toFixed(3),
      'best control': `${name} ${best.ndcg.toFixed(4)} / ${best.hr.toFixed(3)}`,
      verdict: ndcg.value >= best.ndcg ? 'above' : ndcg.high >= best.ndcg ? 'within' : 'below',
      'train s': engine.trainSeconds.toFixed(1),
      'peak MiB': Math.round(process.resourceUsage().maxRSS / 1024),
    },
  }
}

function bestOf(
  baselines: Comparison['baselines'],
): [string, { readonly ndcg: number; readonly hr: number }] {
  const ordered = Object.entries(baselines).sort(([, a], [, b]) => b.ndcg - a.ndcg)
  return ordered[0] ?? ['none', { ndcg: 0, hr: 0 }]
}
