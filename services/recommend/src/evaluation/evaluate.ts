import { Fault } from '@spate/runtime/fault'
import { addNormalised, topOf, type Blend } from '../domain/recall/blend.ts'
import type { Interactions } from '../domain/recall/interactions.ts'
import { isPersonal, speak, type Asker, type Knowledge } from '../domain/recall/knowledge.ts'
import { interval, listFigures, type Interval } from '../domain/metrics.ts'
import { BoardPool, type Scores } from '../domain/recall/scores.ts'
import type { Task } from '../domain/learn/task.ts'
import {
  historyOf,
  knowledgeOf,
  type Trained,
  type TrainingOptions,
} from '../domain/learn/training.ts'
import { Names, toInteractions, type DataFile, type SkippedLine } from './data-set.ts'
import { inferTask } from './infer-task.ts'
import { itemCounts, ListShapes, type ListShape } from './list-shapes.ts'

/** How to evaluate. */
export interface EvaluateOptions {
  readonly train: DataFile
  readonly test: DataFile
  readonly ks: readonly number[]
  /** True: items the user has in TRAIN are neither ranked nor wanted. */
  readonly excludeSeen: boolean
  /** Shape of the validation cut; `auto` reads it off users, times and line counts of TEST. */
  readonly task: Task | 'auto'
  readonly training: Omit<TrainingOptions, 'task' | 'timed'>
  /** Trains; in a worker or here. */
  readonly trainer: (interactions: Interactions, options: TrainingOptions) => Promise<Trained>
  /** Monotonic ms, for the seconds of training. */
  readonly elapsed: () => number
}

/** What an evaluation found. */
export interface Evaluation {
  /** `hr@10`, `recall@10`, `ndcg@10`, for each k: over the users of TEST that TRAIN knows; over all where it knows none. */
  readonly metrics: Readonly<Record<string, Interval>>
  /** The same over all users of TEST, strangers included. */
  readonly metricsAllUsers: Readonly<Record<string, Interval>>
  /** By slice: users with few and many events, wanted items that are rare and popular. */
  readonly slices: Readonly<Record<string, { readonly users: number; readonly ndcg: Interval }>>
  /** Of the lists at the greatest k. */
  readonly lists: ListShape
  /** Users that `metrics` is over. */
  readonly users: number
  readonly items: number
  readonly trainSeconds: number
  readonly task: Task
  readonly blend: Blend
  readonly blendForStrangers: Blend
  readonly repeatShare: number
  /** Test users without a line in TRAIN; they get the list of a stranger. */
  readonly coldUsers: number
  readonly sha256: { readonly train: string; readonly test: string }
  readonly skipped: { readonly train: number; readonly test: number }
  /** The first lines left out, with their reasons. */
  readonly skippedLines: {
    readonly train: readonly SkippedLine[]
    readonly test: readonly SkippedLine[]
  }
}

/** Trains on TRAIN, ranks all items for each user of TEST, and counts what was found. */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { train, test, trainer, elapsed } = options
  for (const [side, { rows }] of Object.entries({ TRAIN: train, TEST: test }))
    if (rows.length === 0)
      throw new Fault('invalid_request', `${side} has no line with a user and an item`)
  const users = new Names()
  const items = new Names()
  const interactions = toInteractions(train.rows, users, items)
  const task = options.task === 'auto' ? inferTask(interactions, users, test) : options.task
  const startMs = elapsed()
  const trained = await trainer(interactions, { ...options.training, task, timed: train.timed })
  const knowledge = knowledgeOf(interactions, trained.models)
  const trainSeconds = (elapsed() - startMs) / 1000
  // Where nobody comes back for the same thing, a repeat is never a good guess.
  const exclude = options.excludeSeen || !trained.repeats
  const blend = exclude ? trained.blend : trained.blendWithRepeats
  const { blendForStrangers } = trained
  const blends = { blend, blendForStrangers }
  const ranking = rankAll({ ...options, ...blends, exclude, knowledge, interactions, users, items })
  return {
    ...ranking,
    items: items.size,
    trainSeconds,
    task,
    ...blends,
    repeatShare: trained.repeatShare,
    sha256: { train: train.sha256, test: test.sha256 },
    skipped: { train: train.skipped, test: test.skipped },
    skippedLines: { train: train.skippedLines, test: test.skippedLines },
  }
}

interface RankingInput {
  readonly test: DataFile
  readonly ks: readonly number[]
  readonly excludeSeen: boolean
  readonly exclude: boolean
  readonly blend: Blend
  readonly blendForStrangers: Blend
  readonly knowledge: Knowledge
  readonly interactions: Interactions
  readonly users: Names
  readonly items: Names
}

function rankAll(
  input: RankingInput,
): Pick<Evaluation, 'metrics' | 'metricsAllUsers' | 'slices' | 'lists' | 'users' | 'coldUsers'> {
  const { ks, knowledge, interactions } = input
  const most = Math.max(...ks)
  const pool = new BoardPool()
  const nowMs = interactions.timesMs.reduce((latest, timeMs) => Math.max(latest, timeMs), 0)
  const sums = new Map<string, number[]>()
  const allSums = new Map<string, number[]>()
  const outcomes: Outcome[] = []
  const shape = new ListShapes(interactions)
  let coldUsers = 0
  for (const { user, wanted } of wantedByUser(input)) {
    const history = historyOf(interactions, user)
    if (history.items.length === 0) coldUsers++
    const had = new Set(input.exclude ? history.items : [])
    const total = pool.take(knowledge.itemCount)
    const asker = { history, nowMs }
    if (!hear(input.blend, { knowledge, asker, pool }, total)) {
      total.clear()
      hear(input.blendForStrangers, { knowledge, asker, pool }, total)
    }
    const list = topOf(total, most, (item) => !had.has(item)).map(({ item }) => item)
    fill(list, most, { knowledge, had })
    const places = new Map(list.map((item, rank) => [item, rank]))
    pool.give(total)
    shape.show(list)
    const ranks = wanted.map((item) => places.get(item) ?? Infinity)
    for (const k of ks)
      for (const [name, value] of Object.entries(listFigures(ranks, k))) {
        push(allSums, `${name}@${k}`, value)
        if (history.items.length > 0) push(sums, `${name}@${k}`, value)
      }
    outcomes.push({ events: history.items.length, wanted, ndcg: listFigures(ranks, most).ndcg })
  }
  return {
    metrics: intervals(sums.size > 0 ? sums : allSums),
    metricsAllUsers: intervals(allSums),
    slices: slicesOf(outcomes, interactions),
    lists: shape.figures(),
    users: sums.size > 0 ? outcomes.length - coldUsers : outcomes.length,
    coldUsers,
  }
}

/** Adds what the voices of `blend` say to `total`; false where none of them knows the asker. */
function hear(
  blend: Blend,
  from: { readonly knowledge: Knowledge; readonly asker: Asker; readonly pool: BoardPool },
  total: Scores,
): boolean {
  const { knowledge, asker, pool } = from
  let known = false
  for (const { voice, weight } of blend) {
    const scores = pool.take(knowledge.itemCount)
    speak(voice, knowledge, asker, scores)
    known ||= isPersonal(voice.channel) && scores.count > 0
    addNormalised(total, scores, weight, knowledge.itemCount)
    pool.give(scores)
  }
  return known
}

/** Popular items below what is there, as a request gets them. */
function fill(
  list: number[],
  most: number,
  from: { readonly knowledge: Knowledge; readonly had: ReadonlySet<number> },
): void {
  if (list.length >= most) return
  const there = new Set(list)
  for (const item of from.knowledge.popularity.top('ever', most + there.size + from.had.size)) {
    if (list.length === most) return
    if (!there.has(item) && !from.had.has(item)) list.push(item)
  }
}

function intervals(sums: ReadonlyMap<string, readonly number[]>): Record<string, Interval> {
  return Object.fromEntries(
    [...sums].map(([name, values]) => [
      name,
      interval(Float64Array.from(values), name.startsWith('hr@')),
    ]),
  )
}

interface Outcome {
  readonly events: number
  readonly wanted: readonly number[]
  readonly ndcg: number
}

function push(sums: Map<string, number[]>, name: string, value: number): void {
  const values = sums.get(name)
  if (values) values.push(value)
  else sums.set(name, [value])
}

/** What each user of TEST wants; items nobody has in TRAIN cannot be found and count as missed. */
function* wantedByUser(
  input: RankingInput,
): Generator<{ readonly user: number; readonly wanted: readonly number[] }> {
  const { test, users, items, interactions, excludeSeen } = input
  const byUser = new Map<string, Set<string>>()
  for (const row of test.rows) {
    const wanted = byUser.get(row.user)
    if (wanted) wanted.add(row.item)
    else byUser.set(row.user, new Set([row.item]))
  }
  for (const [name, names] of byUser) {
    const user = users.numberOf(name) ?? -1
    const had = excludeSeen ? new Set(historyOf(interactions, user).items) : new Set<number>()
    const wanted = [...names]
      .map((item) => items.numberOf(item) ?? -1)
      .filter((item) => !had.has(item))
    if (wanted.length > 0) yield { user, wanted }
  }
}

function slicesOf(outcomes: readonly Outcome[], interactions: Interactions): Evaluation['slices'] {
  const counts = itemCounts(interactions)
  const sorted = Float64Array.from(counts).sort()
  const popular = sorted[Math.floor(sorted.length * 0.9)] ?? 0
  const isPopular = ({ wanted }: Outcome): boolean =>
    wanted.some((item) => (counts[item] ?? 0) >= popular)
  const slices: Record<string, (outcome: Outcome) => boolean> = {
    'cold users (no events)': ({ events }) => events === 0,
    'users with 1 to 9 events': ({ events }) => events >= 1 && events < 10,
    'users with 10 to 99 events': ({ events }) => events >= 10 && events < 100,
    'users with 100 events or more': ({ events }) => events >= 100,
    'wants an item of the top tenth': isPopular,
    'wants only rarer items': (outcome) => !isPopular(outcome),
  }
  return Object.fromEntries(
    Object.entries(slices).map(([name, belongs]) => {
      const values = outcomes.filter(belongs).map(({ ndcg }) => ndcg)
      return [name, { users: values.length, ndcg: interval(Float64Array.from(values)) }]
    }),
  )
}
