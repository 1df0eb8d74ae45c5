/** What every `ByteKeyValue` must do. Each implementation runs this one suite. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'

import type { ByteKeyValue } from './key-value.ts'

/** A store to test; `wait` lets at least that many ms pass for it, and `clock` says how many did. */
export interface KeyValueSubject {
  readonly clock: Clock
  readonly store: ByteKeyValue
  readonly wait: (durationMs: number) => Promise<void>
}

/** Declares the suite for one implementation. */
export function keyValueConformance(name: string, open: () => Promise<KeyValueSubject>): void {
  const check: Check = (sentence, body) => {
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
    check(
      'forgets a value when its time is over, and not before',
      async ({ store, wait, clock }) => {
        const beganMs = clock.elapsed()
        await store.set('a', '1', { ttlMs: 500 })
        await wait(300)
        const kept = await store.get('a')
        // On a machine that was held up meanwhile there is nothing to say.
        if (clock.elapsed() - beganMs < 500) assert.equal(kept, '1')
        await wait(300)
        assert.equal(await store.get('a'), undefined)
        await store.set('a', '2', { ttlMs: 100 })
        await store.set('a', '3')
        await wait(300)
        assert.equal(await store.get('a'), '3')
      },
    )
    check('counts, and a counter in use still ends', async ({ store, wait, clock }) => {
      const beganMs = clock.elapsed()
      const sums = await Promise.all(
        Array.from({ length: 10 }, () => store.increment('n', 2, { ttlMs: 500 })),
      )
      assert.deepEqual(
        sums.toSorted((a, b) => a - b),
        Array.from({ length: 10 }, (_, at) => 2 * at + 2),
      )
      await wait(300)
      const kept = await store.increment('n', -1, { ttlMs: 500 })
      const inTime = clock.elapsed() - beganMs < 500
      if (inTime) assert.equal(kept, 19)
      await wait(inTime ? 300 : 600)
      assert.equal(await store.increment('n', 1), 1)
      await store.set('text', 'x')
      await assert.rejects(
        store.increment('text', 1),
        (caught) => caught instanceof Fault && caught.code === 'conflict',
      )
    })
    winnerChecks(check)
    byteChecks(check)
  })
}

/** Declares one sentence of the suite. */
type Check = (sentence: string, body: (subject: KeyValueSubject) => Promise<void>) => void

function winnerChecks(check: Check): void {
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
}

function byteChecks(check: Check): void {
  check('keeps bytes as they are, under the keys that texts have', async ({ store }) => {
    const all = Uint8Array.from({ length: 70_000 }, (_, at) => at)
    await store.setBytes('b', all)
    assert.deepEqual(plain(await store.getBytes('b')), all)
    await store.setBytes('b', new Uint8Array(0))
    assert.deepEqual(plain(await store.getBytes('b')), new Uint8Array(0))
    assert.equal(await store.getBytes('none'), undefined)
    await store.set('b', '二')
    assert.deepEqual(plain(await store.getBytes('b')), new TextEncoder().encode('二'))
    await store.setBytes('b', new TextEncoder().encode('三'))
    assert.equal(await store.get('b'), '三')
    assert.equal(await store.compareAndSet('b', '三', '四'), true)
  })
  check('forgets bytes when their time is over', async ({ store, wait }) => {
    await store.setBytes('b', Uint8Array.of(1), { ttlMs: 300 })
    await wait(500)
    assert.equal(await store.getBytes('b'), undefined)
  })
  check('takes any text as a key', async ({ store }) => {
    const keys = ['', ' ', 'a b', 'a:b', '{a}', '\r\n*1\r\n', '二', '\u0000', 'x'.repeat(5000)]
    for (const key of keys) await store.set(key, `value of ${key}`)
    for (const key of keys) assert.equal(await store.get(key), `value of ${key}`)
  })
  check('has one name for its history while it lives', async ({ store }) => {
    const name = store.history
    assert.equal(typeof name, 'string')
    await store.set('a', '1')
    assert.equal(store.history, name)
  })
}

/** The bytes without the class around them. */
function plain(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes && Uint8Array.from(bytes)
}
