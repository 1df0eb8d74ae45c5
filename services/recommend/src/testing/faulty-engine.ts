import { SeededChance, type Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import type { KeyValue } from '@spate/state/key-value'
import { MemoryKeyValue } from '@spate/state/memory-key-value'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { Feedback } from '../domain/rank/feedback.ts'
import { firstBlend } from '../domain/recall/blend.ts'
import { speak } from '../domain/recall/knowledge.ts'
import { RecommendState } from '../domain/state.ts'
import { FeatureCache } from '../features/feature-cache.ts'
import { GuardedRanker } from '../rank/guarded-ranker.ts'
import type { Ranker } from '../rank/ranker.ts'
import { Ranking } from '../rank/ranking.ts'
import { Recommender } from '../recommender.ts'
import { ServedModels } from '../served-models.ts'

/** What may be broken: every channel of the first blend, the feature store, the model server. */
export const breakable: readonly string[] = [
  ...new Set(firstBlend.map(({ voice }) => voice.channel)),
  'features',
  'ranker',
]

/** How it is broken. `slow`: its answer comes, long after its time. */
export const ways = ['failing', 'hung', 'slow'] as const

/** How a part is broken. */
export type Way = (typeof ways)[number]

/** What the engine is made of. */
export interface FaultyOptions {
  readonly clock: Clock
  /** Parts that are broken; none by default. */
  readonly broken?: ReadonlySet<string>
  readonly way?: Way
  readonly items: number
  readonly users: number
  /** A model to ask in place of the made-up one. */
  readonly ranker?: Ranker
}

/** Time a slow part takes, ms. */
const slowMs = 500

/** An engine over made-up events whose parts are broken on purpose, for tests and benchmarks. */
export async function faultyEngine(options: FaultyOptions): Promise<{
  readonly recommender: Recommender
  readonly model: GuardedRanker
  stop(): Promise<void>
}> {
  const { clock, broken = new Set<string>(), way = 'failing' } = options
  const state = stateOf(options, new SeededChance(11))
  const wrong = (): Promise<never> =>
    way === 'failing'
      ? Promise.reject(new Error('broken on purpose'))
      : way === 'hung'
        ? new Promise<never>(() => {})
        : clock.sleep(slowMs).then(() => Promise.reject(new Error('too late')))
  const memory = new MemoryKeyValue({ clock })
  const store: KeyValue = Object.create(memory, {
    get: { value: (key: string) => (broken.has('features') ? wrong() : memory.get(key)) },
  }) as KeyValue
  const parts = { state, clock, log: silentLog, telemetry: noTelemetry }
  const limits = { featureTtlMs: 3_600_000, featureBudgetMs: 20 }
  const cache = new FeatureCache({ ...parts, ...limits, store, chance: new SeededChance(1) })
  let opened = false
  const ranker: Ranker = options.ranker ?? {
    name: 'outside',
    open: () => Promise.resolve(),
    // It was well when it was opened, and breaks afterwards.
    score: ({ rows }) =>
      opened && broken.has('ranker') ? wrong() : Promise.resolve(new Float64Array(rows)),
    versions: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  }
  const outside = new GuardedRanker({ ranker, clock, log: silentLog, budgetMs: 50 })
  await outside.start()
  opened = true
  const feedback = new Feedback()
  const recommender = new Recommender({
    ...parts,
    served: new ServedModels(),
    requestBudgetMs: 150,
    channelBudgetMs: 60,
    features: (userId) => cache.find(userId),
    ranking: new Ranking({ feedback, outside, depth: 200 }),
    ask: (voice, knowledge, asker, out) =>
      broken.has(voice.channel) ? wrong() : speak(voice, knowledge, asker, out),
  })
  const stop = async (): Promise<void> => {
    await outside.stop()
    await memory.close()
  }
  return { recommender, model: outside, stop }
}

function stateOf({ items, users, clock }: FaultyOptions, chance: Chance): RecommendState {
  const state = new RecommendState()
  const nowMs = clock.now()
  for (let at = 0; at < items; at++)
    state.describe({
      itemId: `i${at}`,
      title: `item ${at % 97}`,
      categories: [`c${at % 13}`],
      tags: [],
      hidden: false,
      price: 1 + (at % 50),
      addedAtMs: nowMs - at * 60_000,
    })
  for (let user = 0; user < users; user++)
    for (let event = 0; event < 12; event++) {
      const item = Math.floor(items * chance.float() ** 2)
      state.record(`u${user}`, item, nowMs - chance.integer(1, 30 * 86_400_000), 'view')
    }
  return state
}
