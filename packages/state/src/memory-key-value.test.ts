import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Fault } from '@spate/runtime/fault'
import { VirtualClock } from '@spate/runtime/virtual-clock'

import { keyValueConformance } from './key-value-conformance.ts'
import { MemoryKeyValue } from './memory-key-value.ts'

keyValueConformance('memory', async () => {
  const clock = new VirtualClock()
  return {
    clock,
    store: new MemoryKeyValue({ clock }),
    wait: async (durationMs) => clock.advance(durationMs),
  }
})

const full = (caught: unknown): boolean => caught instanceof Fault && caught.code === 'overloaded'

test('the memory store takes exactly its entries, refuses one more, and evicts nothing', async () => {
  const store = new MemoryKeyValue({ clock: new VirtualClock(), entriesMax: 3 })
  for (const key of ['a', 'b', 'c']) await store.set(key, '1')
  await assert.rejects(store.set('d', '1'), full)
  await store.set('c', '2')
  assert.equal(await store.get('a'), '1')
  await store.delete('a')
  await store.set('d', '1')
  assert.equal(store.size, 3)
  await store.close()
})

test('the memory store takes exactly its bytes', async () => {
  const store = new MemoryKeyValue({ clock: new VirtualClock(), bytesMax: 20 })
  await store.set('a', '12345678')
  await store.set('a', '123456789')
  await assert.rejects(store.set('a', '1234567890'), full)
  assert.equal(await store.get('a'), '123456789')
  await store.close()
})

test('the memory store makes room from values whose time is over', async () => {
  const clock = new VirtualClock()
  const store = new MemoryKeyValue({ clock, entriesMax: 2, sweepMs: 1_000_000 })
  await store.set('a', '1', { ttlMs: 10 })
  await store.set('b', '1', { ttlMs: 10 })
  clock.advance(10)
  await store.set('c', '1')
  assert.equal(store.size, 1)
  await store.set('d', '1', { ttlMs: 5 })
  clock.advance(1_000_000)
  assert.equal(store.size, 1)
  await store.close()
})
