import type { Context } from '@opentelemetry/api'
import type { FeatureRows } from '../domain/features/feature-vector.ts'
import type { Feedback } from '../domain/rank/feedback.ts'
import { mixed, spreadOf } from '../domain/rank/mixing.ts'
import type { Ranked } from '../domain/recall/blend.ts'
import type { GuardedRanker } from './guarded-ranker.ts'

/** What ranking stands on. */
export interface RankingOptions {
  readonly feedback: Feedback
  /** A model outside of the engine; it ranks alone where it answers. */
  readonly outside?: GuardedRanker
  /** Candidates that are ranked; those behind them keep their order. */
  readonly depth: number
}

/** A ranking, and what made it. */
export interface RankedList {
  readonly ranked: readonly Ranked[]
  /** The model's name, where one had a say. */
  readonly by?: string
  /** True where the configured model could not be heard. */
  readonly missing: boolean
}

/**
 * Puts candidates in order: by the model outside where one is configured and answers; else by the
 * mixture of channels and, where it is proven, the model that learns from what was served.
 */
export class Ranking {
  readonly #options: RankingOptions

  constructor(options: RankingOptions) {
    this.#options = options
  }

  /** Candidates that are ranked. */
  get depth(): number {
    return this.#options.depth
  }

  /** `rowsOf` is only called where a model is asked. At once where none has to be waited for. */
  rank(
    ranked: readonly Ranked[],
    rowsOf: (items: readonly number[]) => FeatureRows,
    context: Context,
  ): RankedList | Promise<RankedList> {
    const { outside, feedback, depth } = this.#options
    const weight = feedback.ranker.weight
    if (ranked.length < 2 || (!outside && weight === 0)) return { ranked, missing: false }
    const head = ranked.slice(0, depth)
    const rows = rowsOf(head.map(({ item }) => item))
    const inside = (): readonly Ranked[] => {
      if (weight === 0) return ranked
      const worth = feedback.ranker.logWorth(rows)
      const { mean, deviation } = spreadOf(ranked)
      const values = head.map(
        ({ score }, at) => (score - mean) / deviation + weight * (worth[at] as number),
      )
      return mixed(ranked, values)
    }
    const by = weight === 0 ? {} : { by: 'fm' }
    if (!outside) return { ranked: inside(), missing: false, ...by }
    return outside
      .score(rows, context)
      .then((values) =>
        values === undefined
          ? { ranked: inside(), missing: true, ...by }
          : { ranked: mixed(ranked, values), missing: false, by: outside.name },
      )
  }
}
