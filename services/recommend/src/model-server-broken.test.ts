import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { systemClock } from '@spate/runtime/clock'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { TfServingRanker } from './rank/tf-serving.ts'
import { faultyEngine } from './testing/faulty-engine.ts'
import { startModelServer } from './testing/model-server.ts'

const query = { numItems: 10, language: 'en', seen: 'exclude' } as const

for (const way of ['hung', 'silent', 'slow', 'failing', 'nonsense', 'gone'] as const)
  test(`lists stay full and say that the ranker is missing while the model server is ${way}`, async (t) => {
    const server = await startModelServer(systemClock)
    t.after(() => server.stop())
    const parts = { clock: systemClock, telemetry: noTelemetry }
    const ranker = new TfServingRanker({ ...parts, address: server.address, model: 'ranker' })
    // Opened, and warmed up by rankings the server answers: it breaks while it is in use.
    const engine = await faultyEngine({ clock: systemClock, items: 60, users: 40, ranker })
    t.after(() => engine.stop())
    const ask = (user: number): ReturnType<typeof engine.recommender.recommend> =>
      engine.recommender.recommend({ ...query, userId: `u${user}` }, ROOT_CONTEXT)
    // The control: as it is, it ranks. On a busy machine some of its answers are late.
    while ((await ask(0)).degraded.length > 0) continue
    server.become(way)
    // Side by side, so that some ask before the breaker opens and some after.
    for (let round = 0; round < 3; round++)
      for (const answer of await Promise.all(Array.from({ length: 8 }, (_, at) => ask(at)))) {
        assert.equal(answer.items.length, query.numItems)
        assert.deepEqual(answer.degraded, ['ranker'])
      }
    const figures = await engine.model.figures()
    assert.notEqual(figures.breaker, 'closed')
    assert.ok(figures.failures >= 5 && figures.spared > 0, JSON.stringify(figures))
  })
