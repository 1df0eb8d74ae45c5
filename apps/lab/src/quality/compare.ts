import type { DataFile } from '@spate/recommend/data-set'
import { evaluate, type Evaluation, type EvaluateOptions } from '@spate/recommend/evaluation'
import { trainInWorker, trainingDefaults } from '@spate/recommend/training'
import { baselinesOf, told, type Baseline, type Told } from './baselines.ts'
import type { Shape } from './shapes.ts'

/** One shape, one mode: the engine and what is simple. */
export interface Comparison {
  readonly engine: Evaluation
  /** NDCG@10 and HR@10 of each baseline over the users the engine's figures are over. */
  readonly baselines: Readonly<Record<string, { readonly ndcg: number; readonly hr: number }>>
}

/** Evaluates the shipped default, trained in a worker, and every baseline on the same question. */
export async function compare(
  shape: Shape,
  excludeSeen: boolean,
  elapsed: () => number,
): Promise<Comparison> {
  const files = { train: fileOf(shape, shape.train), test: fileOf(shape, shape.test) }
  const how = {
    excludeSeen,
    training: trainingDefaults,
    trainer: (interactions, options) => trainInWorker(interactions, options),
    elapsed,
  } satisfies Partial<EvaluateOptions>
  const engine = await evaluate({ ...files, ...how, ks: [10], task: 'auto' })
  const data = told(files.train.rows)
  const asked = questions(data, files.test, excludeSeen)
  const baselines = Object.entries(baselinesOf(data)).map(([name, baseline]) => [
    name,
    figuresOf(baseline, asked, excludeSeen),
  ])
  return { engine, baselines: Object.fromEntries(baselines) as Comparison['baselines'] }
}

function fileOf({ timed }: Shape, rows: DataFile['rows']): DataFile {
  return { rows, timed, sha256: '', skipped: 0, skippedLines: [] }
}

interface Question {
  readonly history: readonly number[]
  readonly wanted: ReadonlySet<number>
}

/** What each person of TRAIN wants in TEST; an item nobody had is missed by all. */
function questions(data: Told, test: DataFile, excludeSeen: boolean): Question[] {
  const wanted = new Map<string, Set<number>>()
  let unknown = -1
  const strangers = new Map<string, number>()
  for (const { user, item } of test.rows) {
    const set = wanted.get(user) ?? new Set<number>()
    let number = data.items.get(item) ?? strangers.get(item)
    if (number === undefined) strangers.set(item, (number = unknown--))
    set.add(number)
    wanted.set(user, set)
  }
  return [...wanted].flatMap(([user, set]) => {
    const history = data.histories[data.users.get(user) ?? -1]
    if (!history) return []
    const left = new Set([...set].filter((item) => !excludeSeen || !history.includes(item)))
    return left.size === 0 ? [] : [{ history, wanted: left }]
  })
}

const places = 10

function figuresOf(
  baseline: Baseline,
  asked: readonly Question[],
  excludeSeen: boolean,
): { ndcg: number; hr: number } {
  let ndcg = 0
  let hr = 0
  for (const { history, wanted } of asked) {
    const scores = baseline(history)
    if (excludeSeen) for (const item of history) scores[item] = -Infinity
    const list = bestOf(scores)
    let gain = 0
    list.forEach((item, rank) => {
      if (wanted.has(item)) gain += 1 / Math.log2(rank + 2)
    })
    let ideal = 0
    for (let rank = 0; rank < Math.min(places, wanted.size); rank++)
      ideal += 1 / Math.log2(rank + 2)
    ndcg += gain / ideal
    if (gain > 0) hr++
  }
  return { ndcg: ndcg / asked.length, hr: hr / asked.length }
}

/** The ten best, best first; among equals the lower number; without what is at -Infinity. */
function bestOf(scores: Float64Array): number[] {
  const best: number[] = []
  for (let item = 0; item < scores.length; item++) {
    const score = scores[item] as number
    if (score === -Infinity) continue
    if (best.length === places && score <= (scores[best[places - 1] as number] as number)) continue
    let at = Math.min(best.length, places - 1)
    while (at > 0 && (scores[best[at - 1] as number] as number) < score) {
      best[at] = best[at - 1] as number
      at--
    }
    best[at] = item
  }
  return best
}
