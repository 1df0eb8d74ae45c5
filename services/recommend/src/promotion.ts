import type { Clock } from '@spate/runtime/clock'
import { addNormalised, topOf, type Blend } from './domain/recall/blend.ts'
import { speak, type Models } from './domain/recall/knowledge.ts'
import { BoardPool } from './domain/recall/scores.ts'
import { compareRankings, stabilityIndex } from './domain/rank/shadow.ts'
import type { RecommendState } from './domain/state.ts'

/** What a candidate did in the shadow of what is served. */
export interface ShadowFigures {
  /** Recent users whose question was asked again. */
  readonly users: number
  /** Share of the first 20 items in common. */
  readonly overlap: number
  /** Spearman's rank correlation of the first 50. */
  readonly correlation: number
  /** Population stability index of the scores. */
  readonly drift: number
  /** Median time of the candidate over that of what is served. */
  readonly latencyRatio: number
}

/** Whether a candidate may serve, and what it was judged by. */
export type Promotion = ShadowFigures &
  ({ readonly kind: 'promoted' } | { readonly kind: 'refused'; readonly why: string })

/** A candidate or what is served now. */
export interface Contender {
  readonly models: Models
  readonly blend: Blend
}

/** How to judge. */
export interface PromotionOptions {
  readonly state: RecommendState
  readonly clock: Clock
  /** Users who asked lately. */
  readonly users: readonly string[]
  /** Least share of the first 20 items in common with what is served. */
  readonly overlapMin: number
}

/** A candidate this many times slower, and by more than a millisecond, is refused. */
const slowerMax = 3
const slowerMs = 1
const depth = 50
const shown = 20

/**
 * Asks the questions of recent users again, of the candidate and of what is served: that warms the
 * candidate up before it serves anybody, and shows what would change. Gives way to requests after
 * each question. A candidate whose scores are no numbers, whose lists are empty where others are
 * not, that is much slower, or that has too little in common with what is served is refused.
 */
export async function judge(
  candidate: Contender,
  served: Contender,
  options: PromotionOptions,
): Promise<Promotion> {
  const { clock, users, overlapMin } = options
  const pool = new BoardPool()
  const sums = { overlap: 0, correlation: 0 }
  const scores: [number[], number[]] = [[], []]
  const times: [number[], number[]] = [[], []]
  let empty = 0
  for (const userId of users) {
    const lists = [served, candidate].map((contender, at) => {
      const startMs = clock.elapsed()
      const ranked = ask(contender, userId, options, pool)
      times[at as 0 | 1].push(clock.elapsed() - startMs)
      for (const { score } of ranked.slice(0, shown)) scores[at as 0 | 1].push(score)
      return ranked.map(({ item }) => item)
    })
    const [before = [], now = []] = lists
    if (now.length === 0 && before.length > 0) empty++
    const difference = compareRankings(before, now, shown)
    sums.overlap += difference.overlap
    sums.correlation += difference.correlation
    await clock.sleep(0)
  }
  const count = Math.max(1, users.length)
  const figures: ShadowFigures = {
    users: users.length,
    overlap: users.length === 0 ? 1 : sums.overlap / count,
    correlation: users.length === 0 ? 1 : sums.correlation / count,
    drift: stabilityIndex(scores[0], scores[1]),
    latencyRatio: ratio(median(times[1]), median(times[0])),
  }
  const slow = figures.latencyRatio > slowerMax && median(times[1]) - median(times[0]) > slowerMs
  const why = scores[1].some((score) => !Number.isFinite(score))
    ? 'it gives scores that are no finite numbers'
    : empty * 100 > count
      ? 'it gives empty lists where the served models do not'
      : slow
        ? 'it is too slow'
        : figures.overlap < overlapMin
          ? 'it has too little in common with what is served'
          : undefined
  return why === undefined ? { kind: 'promoted', ...figures } : { kind: 'refused', why, ...figures }
}

function ask(
  { models, blend }: Contender,
  userId: string,
  { state, clock }: PromotionOptions,
  pool: BoardPool,
): ReturnType<typeof topOf> {
  const knowledge = state.knowledge(models)
  const history = state.histories.of(userId)
  const asker = { history, nowMs: clock.now() }
  const had = new Set(history.items)
  const total = pool.take(knowledge.itemCount)
  for (const { voice, weight } of blend) {
    const board = pool.take(knowledge.itemCount)
    speak(voice, knowledge, asker, board)
    // The merge passes a channel over that says what is no number; here it counts against it.
    for (let at = 0; at < board.count; at++)
      if (!Number.isFinite(board.values[board.touched[at] as number])) return notANumber
    addNormalised(total, board, weight, knowledge.itemCount)
    pool.give(board)
  }
  const ranked = topOf(total, depth, (item) => !had.has(item))
  pool.give(total)
  return ranked
}

const notANumber: ReturnType<typeof topOf> = [{ item: 0, score: NaN }]

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
}

function ratio(above: number, below: number): number {
  return below === 0 ? 1 : above / below
}
