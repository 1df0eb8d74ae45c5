import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { noTelemetry } from '@spate/telemetry/telemetry'
import type { Blend } from './domain/recall/blend.ts'
import { speak, type Models } from './domain/recall/knowledge.ts'
import type { LinearModel } from './domain/recall/linear-model.ts'
import { RecommendState } from './domain/state.ts'
import { Recommender, type RecommendQuery } from './recommender.ts'
import { ServedModels } from './served-models.ts'

/** Lists asked for; SPATE_SWAP_LISTS for a long proof. */
const lists = Number(process.env['SPATE_SWAP_LISTS'] ?? 400)
const seen = 3
const perVersion = 12

/** A model that leads from everything seen to the items of `own`, and to nothing else. */
function modelOf(own: readonly number[], items: number): LinearModel {
  return {
    head: new Uint32Array(0),
    placeOf: new Int32Array(items).fill(-1),
    dense: new Float32Array(0),
    start: Uint32Array.from({ length: items + 1 }, (_, at) => Math.min(at, seen) * own.length),
    neighbours: Uint32Array.from(
      { length: seen * own.length },
      (_, at) => own[at % own.length] ?? 0,
    ),
    weights: Float32Array.from({ length: seen * own.length }, (_, at) => 1 + (at % own.length)),
  }
}

test('no list mixes two versions, however often models are swapped while its channels work', async () => {
  const chance = new SeededChance(8)
  const state = new RecommendState()
  const items = seen + 2 * perVersion
  for (let item = 0; item < items; item++) state.catalogue.intern(`i${item}`)
  for (let item = 0; item < seen; item++) state.record('u', item, 1e9 + item, 'view')
  const profile = { kind: 'uniform' } as const
  // Each version has items of its own, and a mixture of its own.
  const ownOf = [0, 1].map((version) =>
    Array.from({ length: perVersion }, (_, at) => seen + version * perVersion + at),
  )
  const versions = ownOf.map((own, version): { models: Models; blend: Blend } => {
    const model = modelOf(own, items)
    const [first, second] =
      version === 0 ? (['ease', 'walk'] as const) : (['walk', 'next'] as const)
    return {
      models: { ease: model, walk: model, next: model },
      blend: [
        { voice: { channel: first, profile }, weight: 1 },
        { voice: { channel: second, profile }, weight: 2 },
      ],
    }
  })
  const served = new ServedModels()
  let swaps = 0
  const swap = (): void => {
    const next = versions[swaps++ % 2] as (typeof versions)[number]
    served.swap({ ...next, blendWithRepeats: next.blend, blendForStrangers: next.blend })
  }
  swap()
  const recommender = new Recommender({
    state,
    served,
    clock: systemClock,
    log: silentLog,
    telemetry: noTelemetry,
    requestBudgetMs: 60_000,
    channelBudgetMs: 60_000,
    // Channels that take their time: models are swapped before, between and after their answers.
    ask: async (voice, knowledge, asker, out) => {
      for (let turn = chance.integer(0, 4); turn > 0; turn--) {
        await new Promise((resolve) => setImmediate(resolve))
        if (chance.float() < 0.5) swap()
      }
      speak(voice, knowledge, asker, out)
    },
  })
  const query: RecommendQuery = { userId: 'u', numItems: 8, language: 'en', seen: 'exclude' }
  const made = new Set<string>()
  let asked = 0
  const lane = async (): Promise<void> => {
    while (asked < lists) {
      asked++
      const answer = await recommender.recommend(query, ROOT_CONTEXT)
      made.add(answer.model)
      const version = (Number(answer.model.slice('blend-'.length)) + 1) % 2
      const own = new Set(ownOf[version]?.map((item) => `i${item}`))
      const channels = versions[version]?.blend.map(({ voice }): string => voice.channel)
      assert.equal(answer.items.length, query.numItems)
      assert.deepEqual(answer.degraded, [])
      for (const { itemId, reason } of answer.items) {
        assert.ok(own.has(itemId), `${answer.model} shows ${itemId}`)
        assert.ok(channels?.includes(reason.channel), `${answer.model} says ${reason.channel}`)
        assert.deepEqual(reason.evidence, { items: ['i0', 'i1', 'i2'] })
      }
    }
  }
  await Promise.all(Array.from({ length: 16 }, lane))
  assert.ok(swaps > lists / 2, `${swaps} swaps`)
  assert.ok(made.size > lists / 10, `${made.size} versions served`)
})
