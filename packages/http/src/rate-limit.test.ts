import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '@spate/runtime/fault'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import type { Response } from './exchange.ts'
import { decide, gcra, parseRate } from './gcra.ts'
import { textResponse } from './problem.ts'
import { limited, RateLimiter } from './rate-limit.ts'
import { testRequest } from './test-request.ts'

const rates = fc.record({
  count: fc.integer({ min: 1, max: 1000 }),
  perMs: fc.constantFrom(1, 7, 1000, 10_000, 60_000, 86_400_000),
})

test('in no window do more than burst + rate * time pass, whatever the arrivals', () => {
  fc.assert(
    fc.property(
      rates,
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat({ max: 500 }), { minLength: 1, maxLength: 300 }),
      (rate, burst, gaps) => {
        const rule = gcra(rate, burst)
        const passed: number[] = []
        let tat = 0
        let now = 1_000_000
        for (const gap of gaps) {
          now += gap
          const decision = decide(rule, tat, now)
          if (decision.kind === 'limited') continue
          tat = decision.tat
          passed.push(now)
        }
        for (let from = 0; from < passed.length; from++)
          for (let to = from; to < passed.length; to++) {
            const windowMs = (passed[to] as number) - (passed[from] as number)
            const most = burst + Math.floor((windowMs * rate.count) / rate.perMs)
            assert.ok(to - from + 1 <= most, `${to - from + 1} > ${most} in ${windowMs} ms`)
          }
      },
    ),
  )
})

test('a refused caller passes exactly when it was told to come back, and not a ms before', () => {
  fc.assert(
    fc.property(
      rates,
      fc.integer({ min: 1, max: 20 }),
      fc.nat({ max: 10_000 }),
      (rate, burst, start) => {
        const rule = gcra(rate, burst)
        let tat = 0
        let decision = decide(rule, tat, start)
        for (let n = 0; decision.kind === 'allowed'; n++) {
          assert.ok(n < burst, 'the whole burst passes at once, and no more')
          assert.equal(decision.remaining, burst - n - 1)
          tat = decision.tat
          decision = decide(rule, tat, start)
        }
        const { retryAfterMs } = decision
        assert.ok(retryAfterMs >= 1)
        assert.equal(decide(rule, tat, start + retryAfterMs - 1).kind, 'limited')
        assert.equal(decide(rule, tat, start + retryAfterMs).kind, 'allowed')
      },
    ),
  )
})

test('three a second over an hour is 10,800 and the burst: fractions do not drift', () => {
  const rule = gcra({ count: 3, perMs: 1000 }, 3)
  let tat = 0
  let passed = 0
  for (let now = 0; now < 3_600_000; now++) {
    const decision = decide(rule, tat, now)
    if (decision.kind === 'limited') continue
    tat = decision.tat
    passed++
  }
  assert.equal(passed, 3 + 10_799)
})

test('a cost above the burst never passes, and says so', () => {
  const rule = gcra({ count: 1, perMs: 1000 }, 5)
  assert.equal(decide(rule, 0, 0, 5).kind, 'allowed')
  assert.deepEqual(decide(rule, 0, 0, 6), {
    kind: 'limited',
    retryAfterMs: Number.POSITIVE_INFINITY,
  })
})

test('rates are written as count and time', () => {
  assert.deepEqual(parseRate('10/s'), { count: 10, perMs: 1000 })
  assert.deepEqual(parseRate('100/m'), { count: 100, perMs: 60_000 })
  assert.deepEqual(parseRate('5/10s'), { count: 5, perMs: 10_000 })
  assert.deepEqual(parseRate('1000000/d'), { count: 1_000_000, perMs: 86_400_000 })
  for (const bad of [
    '0/s',
    '10',
    '10/',
    '10/0s',
    '-1/s',
    '1.5/s',
    '1000001/s',
    '1/2d',
    '10 / s',
    '1/y',
    '',
  ])
    assert.equal(parseRate(bad), undefined, bad)
})

const limiterOf = (clock: VirtualClock, keysMax = 3): RateLimiter =>
  new RateLimiter({ rate: { count: 1, perMs: 1000 }, burst: 2, keysMax, clock })

test('keys do not share, a refusal costs nothing, and time gives back', () => {
  const clock = new VirtualClock()
  const limiter = limiterOf(clock)
  assert.equal(limiter.take('a').kind, 'allowed')
  assert.equal(limiter.take('a').kind, 'allowed')
  for (let n = 0; n < 100; n++)
    assert.deepEqual(limiter.take('a'), { kind: 'limited', retryAfterMs: 1000 })
  assert.equal(limiter.take('b').kind, 'allowed')
  clock.advance(999)
  assert.equal(limiter.take('a').kind, 'limited')
  clock.advance(1)
  assert.equal(limiter.take('a').kind, 'allowed')
  assert.deepEqual(limiter.counters, { allowed: 4, limited: 101, evictedLive: 0 })
})

test('the table never holds more than its limit; the longest unused key goes first', () => {
  const clock = new VirtualClock()
  const limiter = limiterOf(clock, 3)
  for (const key of ['a', 'a', 'b']) limiter.take(key)
  assert.equal(limiter.keys, 2)
  limiter.take('c')
  assert.equal(limiter.keys, 3)
  assert.equal(limiter.counters.evictedLive, 0)
  limiter.take('b')
  limiter.take('d')
  assert.equal(limiter.keys, 3)
  assert.equal(limiter.counters.evictedLive, 1, 'a owed time')
  assert.equal(limiter.take('b').kind, 'limited', 'b was used later than a, so it is remembered')
  clock.advance(10_000)
  limiter.take('e')
  assert.equal(limiter.counters.evictedLive, 1, 'c was idle: nothing is lost')
})

test('a limited handler answers 429 with whole seconds of Retry-After, by /64 for IPv6', () => {
  const clock = new VirtualClock()
  const limiter = limiterOf(clock)
  const handler = limited(() => textResponse(200, 'ok'), { limiter })
  const call = (clientAddress: string): unknown => handler(testRequest({ clientAddress }))
  assert.equal((call('2001:db8::1') as Response).status, 200)
  assert.equal((call('2001:db8::2') as Response).status, 200)
  assert.throws(
    () => call('2001:db8:0:0:ffff::3'),
    (caught: unknown) =>
      caught instanceof Fault && caught.code === 'rate_limited' && caught.retryAfterSeconds === 1,
  )
  assert.equal((call('2001:db8:0:1::1') as Response).status, 200)
})

test('RateLimit headers say the policy, what is left, and when it is full again', () => {
  const clock = new VirtualClock()
  const limiter = limiterOf(clock)
  assert.deepEqual(limiter.headers(limiter.take('a')), [
    'ratelimit-policy',
    '"default";q=2;w=2',
    'ratelimit',
    '"default";r=1;t=1',
  ])
  limiter.take('a')
  assert.equal(limiter.headers(limiter.take('a'))[3], '"default";r=0;t=1')
})
