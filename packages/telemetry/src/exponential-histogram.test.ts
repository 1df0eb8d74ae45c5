import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededChance } from '@spate/runtime/chance'
import {
  bucketOf,
  bucketsMax,
  bucketsWritten,
  ExponentialHistogram,
} from './exponential-histogram.ts'
import { durationBounds } from './metric-name.ts'

const seed = 20_261_124

function exact(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] as number
}

test('a value lies in the bucket whose bounds enclose it, the upper one included', () => {
  for (const exponent of [-30, -1, 0, 1, 20])
    assert.equal(bucketOf(2 ** exponent), 32 * exponent - 1)
  fc.assert(
    fc.property(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), (value) => {
      const index = bucketOf(value)
      assert.ok(value > 2 ** (index / 32) * (1 - 1e-12), `${value} ${index}`)
      assert.ok(value <= 2 ** ((index + 1) / 32) * (1 + 1e-12), `${value} ${index}`)
    }),
    { numRuns: 5000 },
  )
})

test('quantiles are within 1.1 % of the exact ones on lognormal, bimodal and constant data', () => {
  const chance = new SeededChance(seed)
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - chance.float())) * Math.cos(2 * Math.PI * chance.float())
  const shapes: Readonly<Record<string, () => number>> = {
    lognormal: () => Math.exp(-4 + 1.2 * normal()),
    bimodal: () => (chance.float() < 0.8 ? 0.002 : 1.5) * Math.exp(0.1 * normal()),
    constant: () => 0.0123,
  }
  for (const [name, draw] of Object.entries(shapes))
    for (let series = 0; series < 20; series++) {
      const values = Array.from({ length: 1000 }, draw)
      const histogram = new ExponentialHistogram()
      for (const value of values) histogram.record(value)
      for (const q of [0.5, 0.95, 0.99]) {
        const error = Math.abs((histogram.quantile(q) as number) / exact(values, q) - 1)
        assert.ok(error <= 0.011, `${name} q=${q} error=${error} seed=${seed}`)
      }
    }
})

test('the merge of 100 nodes equals the histogram of the union, bucket for bucket', () => {
  const chance = new SeededChance(seed)
  const union = new ExponentialHistogram(durationBounds)
  const merged = new ExponentialHistogram(durationBounds)
  for (let node = 0; node < 100; node++) {
    const one = new ExponentialHistogram(durationBounds)
    for (let at = 0; at < 200; at++) {
      const value = 10 ** (-6 + 8 * chance.float())
      one.record(value)
      union.record(value)
    }
    merged.merge(one)
  }
  assert.deepEqual(merged.buckets(), union.buckets())
  assert.deepEqual(merged.explicit, union.explicit)
  assert.equal(merged.count, union.count)
  assert.equal(merged.min, union.min)
  assert.equal(merged.max, union.max)
})

test('a merge across scales is exact at the lower scale', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), {
        minLength: 1,
        maxLength: 60,
      }),
      fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { maxLength: 60 }),
      (wide, narrow) => {
        const a = new ExponentialHistogram()
        const b = new ExponentialHistogram()
        const union = new ExponentialHistogram()
        for (const value of wide) a.record(value)
        for (const value of narrow) b.record(value)
        for (const value of [...wide, ...narrow]) union.record(value)
        b.merge(a)
        assert.equal(b.scale, union.scale)
        assert.deepEqual(b.buckets(), union.buckets())
        assert.ok(b.buckets().counts.length <= bucketsMax)
        const written = b.written()
        assert.ok(written.counts.length <= bucketsWritten)
        const total = written.counts.reduce((sum, count) => sum + count, 0)
        assert.equal(total + b.zeroCount, b.count)
      },
    ),
  )
})

test('explicit buckets count what lies at or below their bound', () => {
  const histogram = new ExponentialHistogram([1, 2, 5])
  for (const value of [0, 1, 1.0001, 2, 5, 5.1]) histogram.record(value)
  assert.deepEqual([...histogram.explicit], [2, 2, 1, 1])
  assert.equal(histogram.zeroCount, 1)
})

test('NaN, infinite and negative values are refused, counted, and change nothing', () => {
  const histogram = new ExponentialHistogram()
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1]) histogram.record(value)
  assert.equal(histogram.refused, 3)
  assert.equal(histogram.count, 0)
  assert.equal(histogram.sum, 0)
  assert.equal(histogram.quantile(0.5), undefined)
})
