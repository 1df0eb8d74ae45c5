import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { breakable, faultyEngine, ways } from './testing/faulty-engine.ts'

const query = { userId: 'u1', numItems: 10, language: 'en', seen: 'exclude' } as const
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Longest a list may take, ms: what the contract promises. */
const budgetMs = 200

for (const broken of [[], ...breakable.map((each) => [each]), breakable])
  for (const way of broken.length === 0 ? (['failing'] as const) : ways)
    test(`a list is full, in time, and says so with ${broken.join(', ') || 'nothing'} ${way}`, async () => {
      const clock = new VirtualClock()
      const engine = await faultyEngine({
        clock,
        way,
        items: 60,
        users: 40,
        broken: new Set(broken),
      })
      // More requests than it takes to open a breaker: with and without it the answer holds.
      for (let turn = 0; turn < 8; turn++) {
        const startMs = clock.elapsed()
        const wait = { over: false }
        const asked = engine.recommender
          .recommend(query, ROOT_CONTEXT)
          .finally(() => (wait.over = true))
        await turns()
        for (; !wait.over && clock.elapsed() - startMs < budgetMs; await turns()) clock.advance(5)
        assert.ok(wait.over, `no answer within ${budgetMs} ms`)
        const answer = await asked
        assert.equal(answer.items.length, query.numItems)
        assert.deepEqual(new Set(answer.degraded), new Set(broken))
      }
    })
