import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { Feedback } from '../domain/rank/feedback.ts'
import { weightsTried } from '../domain/rank/mix-gate.ts'
import { onlineRankerDefaults } from '../domain/rank/online-ranker.ts'
import { modelMakers, trainingDefaults } from '../domain/learn/training.ts'
import {
  firstBlend,
  firstBlendForStrangers,
  firstBlendWithRepeats,
} from '../domain/recall/blend.ts'
import { RecommendState, stateLimits } from '../domain/state.ts'
import { Ranking } from '../rank/ranking.ts'
import { Recommender } from '../recommender.ts'
import { ServedModels } from '../served-models.ts'

/** A made-up shop for benchmarks: popularity by Zipf, users with a taste, prices and categories. */
export interface BenchShop {
  readonly state: RecommendState
  readonly served: ServedModels
  readonly feedback: Feedback
  readonly recommender: Recommender
  readonly users: number
}

/** Size of a made-up shop. */
export interface BenchSize {
  readonly users: number
  readonly items: number
  readonly events: number
}

const categories = 40
const dayMs = 86_400_000

/** A state with `size.events` purchases by `size.users` of `size.items`. The same each time. */
export function benchState(size: BenchSize): RecommendState {
  const chance = new SeededChance(17)
  const state = new RecommendState({ ...stateLimits, usersMax: Math.max(size.users, 1000) })
  for (let at = 0; at < size.items; at++)
    state.describe({
      itemId: `item-${at}`,
      title: `Item ${at}`,
      categories: [`c${at % categories}`],
      tags: [`brand:b${at % 97}`],
      price: 1 + (at % 100),
      hidden: false,
    })
  const nowMs = systemClock.now()
  for (let at = 0; at < size.events; at++) {
    const user = chance.integer(0, size.users - 1)
    // Half of what a user buys is of the user's own category, and popular items are bought more.
    const drawn = Math.floor(size.items * chance.float() ** 3)
    const item = chance.float() < 0.5 ? drawn - (drawn % categories) + (user % categories) : drawn
    const timeMs = nowMs - 60 * dayMs + (60 * dayMs * at) / size.events
    state.record(`user-${user}`, Math.min(item, size.items - 1), timeMs, 'purchase')
  }
  return state
}

/** A shop with trained models; `learnt`: the built-in ranker takes part. */
export function benchShop(size: BenchSize, learnt: boolean, headItemsMax = 2000): BenchShop {
  const state = benchState(size)
  const served = new ServedModels()
  const makers = modelMakers(state.interactions(), { ...trainingDefaults, headItemsMax })
  served.swap({
    // The one trained model the first mixture asks.
    models: makers ? { ease: makers.ease() } : {},
    blend: firstBlend,
    blendWithRepeats: firstBlendWithRepeats,
    blendForStrangers: firstBlendForStrangers,
  })
  const none = weightsTried.map(() => 0)
  const feedback = new Feedback(
    onlineRankerDefaults,
    learnt
      ? {
          ranker: {
            machines: [],
            positives: [1000, 1000, 1000],
            rows: 1,
            latestMs: 0,
            gate: { lists: 1000, weight: 1, mass: 1000, sums: none, squares: none, auc: none },
            pending: [],
          },
          arms: { arms: [], shown: 0, chosen: 0 },
        }
      : undefined,
  )
  const recommender = new Recommender({
    state,
    served,
    feedback,
    ranking: new Ranking({ feedback, depth: 200 }),
    clock: systemClock,
    log: silentLog,
    telemetry: noTelemetry,
    requestBudgetMs: 150,
    channelBudgetMs: 60,
  })
  return { state, served, feedback, recommender, users: size.users }
}
