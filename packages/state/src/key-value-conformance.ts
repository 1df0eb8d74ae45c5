/** What every `KeyValue` must do. Each implementation runs this one suite. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { Fault } from '@spate/runtime/fault'

import type { KeyValue } from './key-value.ts'

/** A store to test; `wait` lets that many ms pass for it. */
export interface KeyValueSubject {
  readonly store: KeyValue
  readonly wait: (durationMs: number) => Promise<void>
}

/** Declares the suite for one implementation. */
export function keyValueConformance(name: string, open: () => Promise<KeyValueSubject>): void {
  const check = (sentence: string, body: (subject: KeyValueSubject) => Promise<void>): void => {
    it(sentence, { timeout: 60_000 }, async () => {
      const subject = await open()
      try {
        await body(subject)
      } finally {
        await subject.store.close()
      }
    })
  }
  describe(`key-value: ${name}`, () => {
    check('gives back what was set until it is deleted', async ({ store }) => {
      assert.equal(await store.get('a'), undefined)
      await store.set('a', '1')
      await store.set('a', '二')
      assert.equal(await store.get('a'), '二')
      assert.equal(await store.delete('a'), true)
      assert.equal(await store.delete('a'), false)
      assert.equal(await store.get('a'), undefined)
    })
    check('forgets a value when its time is over, and not before', async ({ store, wait }) => {
      await store.set('a', '1', { ttlMs: 500 })
      await wait(300)
      assert.equal(await store.get('a'), '1')
      await wait(300)
      assert.equal(await store.get('a'), undefined)
      await store.set('a', '2', { ttlMs: 100 })
      await store.set('a', '3')
      await wait(300)
      assert.equal(await store.get('a'), '3')
    })
    check('counts, and a counter in use still ends', async ({ store, wait }) => {
      const sums = await Promise.all(
        Array.from({ length: 10 }, () => store.increment('n', 2, { ttlMs: 500 })),
      )
      assert.deepEqual(
        sums.toSorted((a, b) => a - b),
        Array.from({ length: 10 }, (_, at) => 2 * at + 2),
      )
      await wait(300)
      assert.equal(await store.increment('n', -1, { ttlMs: 500 }), 19)
      await wait(300)
      assert.equal(await store.increment('n', 1), 1)
      await store.set('text', 'x')
      await assert.rejects(
        store.increment('text', 1),
        (caught) => caught instanceof Fault && caught.code === 'conflict',
      )
    })
    check('lets one of many win', async ({ store }) => {
      const wins = await Promise.all(
        Array.from({ length: 10 }, (_, at) => store.compareAndSet('a', undefined, String(at))),
      )
      assert.equal(wins.filter(Boolean).length, 1)
      const winner = String(wins.indexOf(true))
      assert.equal(await store.compareAndSet('a', 'other', 'x'), false)
      assert.equal(await store.compareAndSet('a', winner, 'x'), true)
      assert.equal(await store.get('a'), 'x')
    })
  })
}
