import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededChance } from '@spate/runtime/chance'
import { Zipf } from '../store/hit-ratio.ts'
import { DistinctCount, hashOf } from './distinct-count.ts'
import { DurationSketch } from './duration-sketch.ts'
import { mergedFrequent, SpaceSaving } from './space-saving.ts'

const streams = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 40 }).map(String), fc.integer({ min: 1, max: 9 })),
  { maxLength: 300 },
)

test('a count is never too low, too high by at most its error, and no error passes total / capacity', () => {
  fc.assert(
    fc.property(streams, fc.integer({ min: 1, max: 20 }), (stream, capacity) => {
      const summary = new SpaceSaving(capacity)
      const truth = new Map<string, number>()
      let total = 0
      for (const [key, weight] of stream) {
        summary.add(key, weight)
        truth.set(key, (truth.get(key) ?? 0) + weight)
        total += weight
      }
      const { keys, floor } = summary.held()
      assert.ok(keys.length <= capacity)
      const held = new Set(keys.map(({ key }) => key))
      for (const { key, count, error } of keys) {
        const real = truth.get(key) as number
        assert.ok(count >= real && count - error <= real, `${key}: ${count} - ${error}, ${real}`)
        assert.ok(error <= total / capacity)
      }
      for (const [key, real] of truth) if (!held.has(key)) assert.ok(real <= floor)
    }),
  )
})

test('merged summaries keep that promise for the sum of their streams', () => {
  fc.assert(
    fc.property(
      fc.array(streams, { maxLength: 4 }),
      fc.integer({ min: 1, max: 20 }),
      (parts, most) => {
        const truth = new Map<string, number>()
        const summaries = parts.map((stream) => {
          const summary = new SpaceSaving(8)
          for (const [key, weight] of stream) {
            summary.add(key, weight)
            truth.set(key, (truth.get(key) ?? 0) + weight)
          }
          return summary.held()
        })
        const { keys, floor } = mergedFrequent(summaries, most)
        assert.ok(keys.length <= most)
        const held = new Set(keys.map(({ key }) => key))
        for (const { key, count, error } of keys) {
          const real = truth.get(key) as number
          assert.ok(count >= real && count - error <= real)
        }
        for (const [key, real] of truth) if (!held.has(key)) assert.ok(real <= floor)
      },
    ),
  )
})

test('of the 100 most frequent of 10,000 zipf keys, a summary of 1000 names at least 98', () => {
  const zipf = new Zipf(10_000, new SeededChance(3))
  const summary = new SpaceSaving(1000)
  const truth = new Float64Array(10_000)
  for (let at = 0; at < 120_000; at++) {
    const rank = zipf.next()
    truth[rank] = (truth[rank] as number) + 1
    summary.add(String(rank))
  }
  const wanted = [...truth.entries()].sort((one, other) => other[1] - one[1]).slice(0, 100)
  const named = new Set(mergedFrequent([summary.held()], 100).keys.map(({ key }) => key))
  const right = wanted.filter(([rank]) => named.has(String(rank))).length
  assert.ok(right >= 98, `${right} of 100`)
})

test('different keys are counted within 2.5 %, from none to 300,000, and merged counts are of the union', () => {
  assert.equal(new DistinctCount().estimate, 0)
  for (const seed of [1, 2]) {
    const counter = new DistinctCount()
    const halves = [new DistinctCount(), new DistinctCount()]
    for (let key = 1; key <= 300_000; key++) {
      const hash = hashOf(`10.${key >> 16}.${(key >> 8) & 255}.${key & 255}`, seed)
      counter.add(hash)
      // Both halves see a third of the keys.
      if (key % 3 !== 0) halves[0]?.add(hash)
      if (key % 3 !== 1) halves[1]?.add(hash)
      // Three standard errors of 0.81 %, and one key where there are few.
      if ([1, 10, 100, 1000, 10_000, 60_000, 300_000].includes(key)) {
        const error = Math.abs(counter.estimate - key)
        assert.ok(error <= Math.max(0.5, key * 0.025), `${key}: ${counter.estimate}, seed ${seed}`)
      }
    }
    const [one, other] = halves as [DistinctCount, DistinctCount]
    one.merge(other)
    assert.equal(one.estimate, counter.estimate)
  }
})

test('a quantile of durations is within 1 % of the true one, merged or not', () => {
  const durations = fc.array(fc.double({ min: 0.02, max: 500_000, noNaN: true }), {
    minLength: 1,
    maxLength: 200,
  })
  fc.assert(
    fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
      const [one, other] = [new DurationSketch(), new DurationSketch()]
      for (const [at, ms] of list.entries()) (at % 2 === 0 ? one : other).add(ms, 1)
      one.merge(other)
      const sorted = [...list].sort((a, b) => a - b)
      const real = sorted[Math.max(0, Math.ceil(q * list.length) - 1)] as number
      const found = one.quantile(q) as number
      assert.ok(Math.abs(found - real) <= real * 0.0101, `${found} for ${real}`)
    }),
  )
  assert.equal(new DurationSketch().quantile(0.5), undefined)
})

test('a duration that stands for many counts for many; what is out of bounds, for the nearest end', () => {
  const sketch = new DurationSketch()
  sketch.add(1, 97)
  sketch.add(1e9, 2)
  sketch.add(0, 1)
  const median = sketch.quantile(0.5) as number
  assert.ok(median > 0.99 && median < 1.01)
  assert.equal(sketch.quantile(0), 0.01)
  assert.ok((sketch.quantile(1) as number) > 590_000)
})
