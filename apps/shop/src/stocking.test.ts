import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeCatalogue } from './catalogue/catalogue.ts'
import { demoEvents, demoSpanMs } from './demo-shoppers.ts'
import type { Offer } from './pages/offers.ts'
import { PageStamps, noneMatch, stampsMax } from './replies.ts'
import { saleCandidates, salesToOpen } from './stocking.ts'

const catalogue = makeCatalogue(7)
const nowMs = 1_790_000_000_000
const offer = (productId: string, over: Partial<Offer> = {}): Offer => ({
  productId,
  total: 10,
  remaining: 10,
  perUserLimit: 1,
  startsAtMs: undefined,
  endsAtMs: undefined,
  paused: false,
  queue: false,
  ...over,
})

test('made-up shoppers visit believably: in the past, in order, the same for the same seed, ids that do not move with time', () => {
  const options = { seed: 7, shoppers: 60, nowMs }
  const events = demoEvents(catalogue, options)
  assert.equal(events.length, 60 * 14)
  assert.deepEqual(demoEvents(catalogue, options), events)
  const ids = (each: typeof events): string[] => each.map(({ eventId }) => eventId).sort()
  assert.deepEqual(
    ids(demoEvents(catalogue, { ...options, nowMs: nowMs + 86_400_000 })),
    ids(events),
  )
  assert.equal(new Set(ids(events)).size, events.length)
  for (const [at, { timestamp, itemId, userId }] of events.entries()) {
    assert.ok(timestamp <= nowMs && timestamp >= nowMs - demoSpanMs)
    assert.ok(timestamp >= (events[at - 1]?.timestamp ?? 0))
    assert.ok(catalogue.product(itemId))
    assert.match(userId, /^demo-\d{4}$/)
  }
  const bought = events.filter(({ type }) => type === 'purchase').length
  assert.ok(bought > 60 && bought < 200, String(bought))
})

test('one sale runs and one is to come, opened only where missing', () => {
  const candidates = saleCandidates(catalogue)
  assert.equal(candidates.length, 12)
  const [first = '', second = '', third = ''] = candidates
  const fresh = salesToOpen(candidates, [], nowMs)
  assert.deepEqual(
    fresh.map(({ productId }) => productId),
    [first, second],
  )
  assert.equal(fresh[0]?.startsAt, undefined)
  assert.ok((fresh[1]?.startsAt ?? 0) > nowMs)
  const running = offer(first)
  const upcoming = offer(second, { startsAtMs: nowMs + 1 })
  assert.deepEqual(salesToOpen(candidates, [running, upcoming], nowMs), [])
  const ended = offer(first, { endsAtMs: nowMs })
  assert.deepEqual(
    salesToOpen(candidates, [ended, upcoming], nowMs).map(({ productId }) => productId),
    [third],
  )
  const gone = offer(first, { remaining: 0 })
  assert.deepEqual(
    salesToOpen(candidates, [gone, upcoming], nowMs).map(({ productId }) => productId),
    [third],
  )
  const allEnded = candidates.map((id) => offer(id, { endsAtMs: 1 }))
  assert.deepEqual(
    salesToOpen(candidates, allEnded, nowMs).map(({ productId }) => productId),
    [first, second],
    'a second turn',
  )
  assert.deepEqual(salesToOpen(candidates, [running, offer(second)], nowMs), [], 'two run')
  const allBusy = candidates.map((id) => offer(id, { remaining: 0 }))
  assert.deepEqual(salesToOpen(candidates, allBusy, nowMs), [])
})

test('last-modified moves when the bytes do, and at most a bounded number of pages is remembered', () => {
  const stamps = new PageStamps()
  assert.equal(stamps.changed('/a', 'x', 1), 1)
  assert.equal(stamps.changed('/a', 'x', 2), 1)
  assert.equal(stamps.changed('/a', 'y', 3), 3)
  for (let at = 0; at < stampsMax - 1; at++) stamps.changed(`/${at}`, 'x', 4)
  assert.equal(stamps.changed('/a', 'y', 5), 3)
  stamps.changed('/more', 'x', 6)
  assert.equal(stamps.changed('/a', 'y', 7), 7)
})

test('if-none-match compares weakly and takes lists and the star', () => {
  assert.equal(noneMatch(undefined, '"a"'), false)
  assert.equal(noneMatch('*', '"a"'), true)
  assert.equal(noneMatch('"b", W/"a"', '"a"'), true)
  assert.equal(noneMatch('"b"', '"a"'), false)
})
