/** What every `EventLog` must do. Each implementation runs this one suite. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { Fault } from '@spate/runtime/fault'

import {
  deadLetterHeaders,
  deadLetterTopic,
  type EventLog,
  type OutgoingEvent,
  type StoredEvent,
} from './event-log.ts'
import { Progress } from './progress.ts'

/** A log to test; `reopen` closes it and opens the same store again. */
export interface EventLogSubject {
  readonly log: EventLog
  readonly reopen: () => Promise<EventLog>
  dispose(): Promise<void>
}

type Check = (sentence: string, body: (subject: EventLogSubject) => Promise<void>) => void

const event = (key: string, value: string): OutgoingEvent => ({
  key,
  value: new TextEncoder().encode(value),
})
const numbered = (count: number): OutgoingEvent[] =>
  Array.from({ length: count }, (_, at) => event(`key-${at % 17}`, String(at)))
const text = (stored: StoredEvent): string => new TextDecoder().decode(stored.value)

/** Declares the suite for one implementation. */
export function eventLogConformance(name: string, open: () => Promise<EventLogSubject>): void {
  const check: Check = (sentence, body) => {
    it(sentence, { timeout: 60_000 }, async () => {
      const subject = await open()
      try {
        await body(subject)
      } finally {
        await subject.dispose()
      }
    })
  }
  describe(`event log: ${name}`, () => {
    checkStorage(check)
    checkGroups(check)
    checkMembers(check)
    checkPoison(check)
  })
}

async function all(log: EventLog, topic: string): Promise<StoredEvent[]> {
  const found: StoredEvent[] = []
  for (const [partition] of (await log.bounds(topic)).entries())
    for await (const one of log.read(topic, partition, 0)) found.push(one)
  return found
}

function checkStorage(check: Check): void {
  check('gives back events as they were, with offsets in order', async ({ log, reopen }) => {
    const sent: OutgoingEvent = { ...event('用户', 'a'), headers: { traceparent: '00-ab' } }
    const positions = await log.publish('orders', [sent, ...numbered(100)])
    assert.equal(positions.length, 101)
    for (const open of [async () => log, reopen]) {
      const current = await open()
      const found = await all(current, 'orders')
      assert.equal(found.length, 101)
      const first = found.find((one) => one.key === '用户')
      assert.equal(first?.headers['traceparent'], '00-ab')
      assert.equal(first && text(first), 'a')
      const next = new Map<number, number>()
      for (const { partition, offset } of found) {
        assert.equal(offset, next.get(partition) ?? 0)
        next.set(partition, offset + 1)
      }
    }
  })
  check('keeps the order of a key, in one partition', async ({ log }) => {
    await Promise.all(numbered(200).map((one) => log.publish('orders', [one])))
    const byKey = new Map<string, StoredEvent[]>()
    for (const one of await all(log, 'orders'))
      byKey.set(one.key, [...(byKey.get(one.key) ?? []), one])
    assert.equal(byKey.size, 17)
    for (const events of byKey.values()) {
      assert.equal(new Set(events.map((one) => one.partition)).size, 1)
      const values = events.map((one) => Number(text(one)))
      assert.deepEqual(
        values,
        values.toSorted((a, b) => a - b),
      )
    }
  })
  check('reads from an offset', async ({ log, reopen }) => {
    const positions = await log.publish(
      'orders',
      Array.from({ length: 300 }, (_, at) => event('same', String(at))),
    )
    const partition = positions[0]?.partition as number
    for (const open of [async () => log, reopen]) {
      const current = await open()
      const found: string[] = []
      for await (const one of current.read('orders', partition, 297)) found.push(text(one))
      assert.deepEqual(found, ['297', '298', '299'])
    }
  })
  check('refuses a topic name it cannot store', async ({ log }) => {
    for (const bad of ['', '../up', 'A', 'a'.repeat(101)])
      await assert.rejects(log.publish(bad, numbered(1)), (caught) => {
        return caught instanceof Fault && caught.code === 'invalid_field'
      })
    await log.publish('a'.repeat(100), numbered(1))
  })
}

function checkGroups(check: Check): void {
  check('gives each group every event, and goes on after a restart', async ({ log, reopen }) => {
    const seen: string[] = []
    const other: string[] = []
    const handler = async (batch: readonly StoredEvent[]): Promise<void> => {
      seen.push(...batch.map(text))
    }
    await log.publish('orders', numbered(50))
    const one = log.subscribe({ topic: 'orders', group: 'one', handler })
    const two = log.subscribe({
      topic: 'orders',
      group: 'two',
      handler: async (batch) => void other.push(...batch.map(text)),
    })
    await log.publish('orders', numbered(50))
    await Promise.all([one.caughtUp(), two.caughtUp()])
    assert.equal(seen.length, 100)
    assert.equal(other.length, 100)
    assert.equal(one.lag, 0)
    assert.equal(one.counters.handled, 100)
    await one.close()
    await log.publish('orders', numbered(7))
    const again = await reopen()
    const third = again.subscribe({ topic: 'orders', group: 'one', handler })
    await third.caughtUp()
    assert.equal(seen.length, 107)
  })
  check('begins a new group at the end where asked', async ({ log }) => {
    await log.publish('orders', numbered(10))
    const seen: string[] = []
    const late = log.subscribe({
      topic: 'orders',
      group: 'late',
      from: 'latest',
      handler: async (batch) => void seen.push(...batch.map(text)),
    })
    await late.caughtUp()
    await log.publish('orders', [event('k', 'new')])
    await late.caughtUp()
    assert.deepEqual(seen, ['new'])
  })
}

function checkMembers(check: Check): void {
  check('shares partitions among the members of a group', async ({ log }) => {
    const counts = [0, 0]
    const subscriptions = counts.map((_, member) =>
      log.subscribe({
        topic: 'orders',
        group: 'shared',
        handler: async (batch) => void (counts[member] = (counts[member] ?? 0) + batch.length),
      }),
    )
    await log.publish('orders', numbered(200))
    await subscriptions[0]?.caughtUp()
    assert.equal((counts[0] ?? 0) + (counts[1] ?? 0), 200)
    assert.ok((counts[0] ?? 0) > 0 && (counts[1] ?? 0) > 0)
    await subscriptions[1]?.close()
    const before = counts[1]
    await log.publish('orders', numbered(200))
    await subscriptions[0]?.caughtUp()
    assert.equal(counts[1], before)
    assert.equal((counts[0] ?? 0) + (counts[1] ?? 0), 400)
  })
  check('never calls a handler twice at once for a partition', async ({ log }) => {
    const busy = new Set<number>()
    const subscription = log.subscribe({
      topic: 'orders',
      group: 'slow',
      batchMax: 3,
      handler: async (batch) => {
        const partition = batch[0]?.partition as number
        assert.ok(batch.length <= 3)
        assert.ok(!busy.has(partition))
        busy.add(partition)
        await new Promise((resolve) => setImmediate(resolve))
        busy.delete(partition)
      },
    })
    for (let round = 0; round < 10; round++) await log.publish('orders', numbered(20))
    await subscription.caughtUp()
    assert.equal(subscription.counters.deadLetters, 0)
  })
  check('takes effect once where the consumer keeps its offsets', async ({ log, reopen }) => {
    let saved = { sum: 0, offsets: {} as Record<number, number> }
    const consume = (current: EventLog, failAfter: number) => {
      const progress = new Progress(saved.offsets)
      let sum = saved.sum
      let calls = 0
      return current.subscribe({
        topic: 'numbers',
        group: 'sum',
        from: saved.offsets,
        batchMax: 10,
        retry: { attempts: 1000, backoffMs: 1, backoffMsMax: 1 },
        handler: async (batch) => {
          for (const one of progress.fresh(batch)) sum += Number(text(one))
          progress.advance(batch)
          saved = { sum, offsets: { ...progress.offsets } }
          if (++calls % 3 === failAfter) throw new Error('effect taken, offset not committed')
        },
      })
    }
    await log.publish('numbers', numbered(101))
    await consume(log, 1).caughtUp()
    const again = await reopen()
    await again.publish('numbers', [event('k', '1000')])
    await consume(again, 2).caughtUp()
    assert.equal(saved.sum, 5050 + 1000)
  })
}

function checkPoison(check: Check): void {
  check('tries a poisoned event a bounded number of times, then keeps it', async ({ log }) => {
    const seen: string[] = []
    let tries = 0
    const subscription = log.subscribe({
      topic: 'orders',
      group: 'picky',
      retry: { attempts: 3, backoffMs: 1, backoffMsMax: 2 },
      handler: async (batch) => {
        if (batch.some((one) => text(one) === '13')) {
          if (batch.length === 1) tries++
          throw new Error('cannot eat 13')
        }
        seen.push(...batch.map(text))
      },
    })
    await log.publish(
      'orders',
      Array.from({ length: 30 }, (_, at) => event('same', String(at))),
    )
    await subscription.caughtUp()
    assert.equal(tries, 3)
    assert.deepEqual(new Set(seen).size, 29)
    assert.equal(subscription.counters.deadLetters, 1)
    const [dead, ...more] = await all(log, deadLetterTopic('orders', 'picky'))
    assert.equal(more.length, 0)
    assert.equal(dead && text(dead), '13')
    assert.equal(dead?.headers[deadLetterHeaders.topic], 'orders')
    assert.equal(dead?.headers[deadLetterHeaders.error], 'cannot eat 13')
    assert.equal(dead?.headers[deadLetterHeaders.attempts], '3')
  })
  check('waits for a store that is away instead of giving events up', async ({ log }) => {
    let away = 8
    const subscription = log.subscribe({
      topic: 'orders',
      group: 'patient',
      retry: { attempts: 2, backoffMs: 1, backoffMsMax: 1 },
      handler: async () => {
        if (away-- > 0) throw new Fault('store_unavailable')
      },
    })
    await log.publish('orders', [event('k', 'v')])
    await subscription.caughtUp()
    assert.equal(subscription.counters.deadLetters, 0)
    assert.equal(subscription.counters.handled, 1)
  })
}
