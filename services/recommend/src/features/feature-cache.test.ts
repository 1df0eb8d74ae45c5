import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { SeededChance } from '@spate/runtime/chance'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import type { KeyValue } from '@spate/state/key-value'
import { MemoryKeyValue } from '@spate/state/memory-key-value'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { coldUser, userFeaturesOf } from '../domain/features/user-features.ts'
import { RecommendState } from '../domain/state.ts'
import { FeatureCache, keyOf } from './feature-cache.ts'
import { Warmups, warmupsMax } from './warmups.ts'

const parts = { chance: new SeededChance(3), log: silentLog, telemetry: noTelemetry }
const limits = { featureTtlMs: 3_600_000, featureBudgetMs: 20 }

/** A cache over a store whose `get` and `set` may be replaced; counts the calls of both. */
function setUp(broken: Partial<KeyValue> = {}) {
  const clock = new VirtualClock()
  const memory = new MemoryKeyValue({ clock })
  const calls = { get: 0, set: 0, ttls: [] as number[] }
  const store: KeyValue = {
    get: (key) => (calls.get++, broken.get ?? memory.get.bind(memory))(key),
    set: (key, value, options) => {
      calls.set++
      calls.ttls.push(options?.ttlMs ?? 0)
      return (broken.set ?? memory.set.bind(memory))(key, value, options)
    },
    delete: (key) => memory.delete(key),
    increment: (key, by) => memory.increment(key, by),
    compareAndSet: (key, expected, next) => memory.compareAndSet(key, expected, next),
    close: () => memory.close(),
  }
  const state = new RecommendState()
  state.interact({
    eventId: 'e',
    userId: 'ann',
    itemId: 'mug',
    kind: 'view',
    weight: 1,
    timeMs: clock.now(),
  })
  const cache = new FeatureCache({ ...parts, ...limits, clock, store, state })
  return { clock, memory, calls, state, cache }
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

test('a miss is worked out and kept, a hit is the same value, an event makes it stale at once', async () => {
  const { cache, calls, state, clock } = setUp()
  const first = await cache.find('ann')
  assert.equal(first.from, 'miss')
  const second = await cache.find('ann')
  assert.deepEqual(second, { user: first.user, from: 'hit' })
  const event = { eventId: 'f', userId: 'ann', itemId: 'cup', kind: 'cart', weight: 1 } as const
  state.interact({ ...event, timeMs: clock.now() })
  const third = await cache.find('ann')
  assert.equal(third.from, 'stale')
  assert.equal(third.user.events, 2)
  assert.equal((await cache.find('ann')).from, 'hit')
  assert.equal(calls.set, 2)
})

test('an entry ends within its life time, and not all at once', async () => {
  const { cache, calls, clock } = setUp()
  for (let at = 0; at < 50; at++) await cache.refresh('ann')
  assert.ok(calls.ttls.every((ttlMs) => ttlMs > 3_600_000 * 0.89 && ttlMs <= 3_600_000))
  assert.ok(new Set(calls.ttls).size > 40)
  clock.advance(3_600_000)
  assert.equal((await cache.find('ann')).from, 'miss')
})

test('a thousand requests for one user ask the store once', async () => {
  const { cache, calls } = setUp()
  const found = await Promise.all(Array.from({ length: 1000 }, () => cache.find('ann')))
  assert.equal(calls.get, 1)
  assert.equal(new Set(found).size, 1)
})

test('strangers have defaults and take no room', async () => {
  const { cache, calls } = setUp()
  assert.deepEqual(await cache.find('nobody'), { user: coldUser, from: 'miss' })
  assert.equal(calls.set, 0)
})

for (const way of ['fails', 'hangs', 'answers nonsense'] as const)
  test(`where the store ${way}, this process answers from what it knows, and asks again later`, async () => {
    const get = {
      fails: () => Promise.reject(new Error('down')),
      hangs: () => new Promise<undefined>(() => {}),
      'answers nonsense': () => Promise.resolve('{"version":'),
    }[way]
    const { cache, calls, state, clock } = setUp({ get })
    const asked = cache.find('ann')
    await turns()
    if (way === 'hangs') clock.advance(20)
    const { user, from } = await asked
    assert.equal(from, 'failed')
    assert.deepEqual(user, userFeaturesOf(state.histories.of('ann'), state.catalogue))
    assert.equal((await cache.find('nobody')).from, 'failed')
    assert.equal(calls.get, 1, 'a store that failed is left alone')
    clock.advance(1000)
    void cache.find('ann')
    assert.equal(calls.get, 2)
  })

test('an entry of another definition is passed over', async () => {
  const { cache, memory } = setUp()
  await memory.set(keyOf('bob'), JSON.stringify({ ...coldUser, version: 0 }))
  assert.equal((await cache.find('bob')).from, 'miss')
  await memory.set(keyOf('bob'), JSON.stringify({ ...coldUser, revision: 9, events: 4 }))
  const shared = await cache.find('bob')
  assert.deepEqual([shared.from, shared.user.events], ['hit', 4], 'another process knows bob')
})

test('a warm-up takes each user once, at most so many at a time, and counts those that failed', async () => {
  let under = 0
  let most = 0
  const { clock } = setUp()
  const cache = {
    refresh: async (userId: string) => {
      most = Math.max(most, ++under)
      await turns()
      under--
      if (userId === 'u7') throw new Error('down')
      return coldUser
    },
  }
  const warmups = new Warmups({ ...parts, clock, cache, warmupConcurrency: 12 })
  const users = Array.from({ length: 20 }, (_, at) => `u${at}`)
  const job = warmups.start([...users, ...users], ROOT_CONTEXT)
  while (job.status === 'running') await turns()
  assert.deepEqual([job.total, job.done, job.failed, most], [20, 19, 1, 3])
  assert.equal(warmups.find(job.id), job)
})

test('one warm-up above the limit is refused', async () => {
  const { clock } = setUp()
  let go = (): void => {}
  const gate = new Promise<void>((resolve) => (go = resolve))
  const cache = { refresh: () => gate.then(() => coldUser) }
  const warmups = new Warmups({ ...parts, clock, cache, warmupConcurrency: 4 })
  for (let at = 0; at < warmupsMax; at++) warmups.start(['a'], ROOT_CONTEXT)
  assert.throws(() => warmups.start(['a'], ROOT_CONTEXT), { code: 'overloaded' })
  go()
  await warmups.stop()
  assert.equal(warmups.start(['a'], ROOT_CONTEXT).total, 1)
})
