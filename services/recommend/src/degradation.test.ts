import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { firstBlend } from './domain/recall/blend.ts'
import { speak } from './domain/recall/knowledge.ts'
import { RecommendState } from './domain/state.ts'
import type { AskChannel } from './recall/recall.ts'
import { Recommender } from './recommender.ts'
import { ServedModels } from './served-models.ts'

const channels = [...new Set(firstBlend.map(({ voice }) => voice.channel))]
const query = { userId: 'u', numItems: 3, language: 'en', seen: 'exclude' } as const
const rest = { categories: undefined, tags: undefined, priceMin: undefined, priceMax: undefined }
const lists = { candidates: undefined, exclude: undefined }

function ready(ask: AskChannel): { recommender: Recommender; clock: VirtualClock } {
  const clock = new VirtualClock()
  const state = new RecommendState()
  for (const itemId of ['a', 'b', 'c', 'd']) {
    const item = { itemId, title: itemId, categories: [], tags: [], hidden: false }
    state.describe(item)
  }
  state.record('u', 0, clock.now(), 'view')
  for (const item of [0, 1, 2]) state.record('v', item, clock.now(), 'purchase')
  const recommender = new Recommender({
    state,
    served: new ServedModels(),
    clock,
    log: silentLog,
    telemetry: noTelemetry,
    requestBudgetMs: 150,
    channelBudgetMs: 60,
    ask,
  })
  return { recommender, clock }
}

for (const broken of [...channels.map((each) => [each]), channels]) {
  for (const way of ['fails', 'hangs'] as const) {
    test(`a list is full and says so where ${broken.join(', ')} ${way}`, async () => {
      const { recommender, clock } = ready((...asked) => {
        const [voice, knowledge, asker, out] = asked
        if (!broken.includes(voice.channel)) return speak(voice, knowledge, asker, out)
        if (way === 'fails') throw new Error('broken on purpose')
        return new Promise(() => {})
      })
      const answer = recommender.recommend({ ...query, ...rest, ...lists }, ROOT_CONTEXT)
      if (way === 'hangs') clock.advance(60)
      const { items, degraded } = await answer
      assert.deepEqual(new Set(items.map(({ itemId }) => itemId)), new Set('bcd'))
      assert.deepEqual(new Set(degraded), new Set(broken))
    })
  }
}
