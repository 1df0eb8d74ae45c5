import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lineChart, pathOf, roundUp } from '../pages/chart.ts'
import { amount, share, size, span } from '../pages/numbers.ts'
import { readingOf } from '../sources.ts'
import { readSamples } from '@spate/telemetry/exposition-text'
import { History } from './history.ts'
import { bucketsBetween, mergedBuckets, quantile, stepBetween, type Reading } from './reading.ts'

const reading = (over: Partial<Reading>): Reading => ({
  atMs: 0,
  requests: 0,
  errors: 0,
  latency: [],
  cacheHits: undefined,
  cacheRequests: undefined,
  loopDelay: undefined,
  residentBytes: undefined,
  heapBytes: undefined,
  sampling: undefined,
  sightings: [],
  ...over,
})

test('a step is the difference of two readings over the time between them', () => {
  const before = reading({ atMs: 1000, requests: 10, errors: 1, cacheHits: 4, cacheRequests: 8 })
  const after = reading({
    atMs: 3000,
    requests: 30,
    errors: 3,
    cacheHits: 19,
    cacheRequests: 28,
    loopDelay: 0.001,
  })
  const step = stepBetween(before, after)
  assert.equal(step.rate, 10)
  assert.equal(step.errorShare, 0.1)
  assert.equal(step.hitShare, 0.75)
  assert.equal(step.loopDelay, 0.001)
  assert.equal(step.p99, undefined)
})

test('a program that started anew counts from zero, never below', () => {
  const step = stepBetween(
    reading({ atMs: 0, requests: 1000, errors: 9 }),
    reading({ atMs: 1000, requests: 5 }),
  )
  assert.equal(step.rate, 5)
  assert.equal(step.errorShare, 0)
})

test('a quantile lies in the bucket that holds its rank, whatever the counts', () => {
  const counts = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(counts, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
      const buckets = list
        .map((count, at) => ({ low: at, high: at + 1, count }))
        .filter(({ count }) => count > 0)
      const total = buckets.reduce((sum, { count }) => sum + count, 0)
      const value = quantile(buckets, q)
      if (total === 0) return assert.equal(value, undefined)
      assert.ok(value !== undefined)
      const below = buckets
        .filter(({ high }) => high < value)
        .reduce((sum, { count }) => sum + count, 0)
      assert.ok(below <= q * total + 1e-9)
    }),
  )
  assert.equal(quantile([{ low: 10, high: Number.POSITIVE_INFINITY, count: 1 }], 0.5), 10)
})

test('only what was added counts, and equal buckets of several histograms are one', () => {
  const a = [
    { low: 0, high: 1, count: 5 },
    { low: 1, high: 2, count: 5 },
  ]
  const b = [
    { low: 0, high: 1, count: 7 },
    { low: 1, high: 2, count: 5 },
    { low: 2, high: 3, count: 1 },
  ]
  assert.deepEqual(bucketsBetween(a, b), [
    { low: 0, high: 1, count: 2 },
    { low: 2, high: 3, count: 1 },
  ])
  assert.equal(mergedBuckets([a, b])[0]?.count, 12)
})

test('a history holds its limit of steps and drops the oldest', () => {
  const history = new History(3)
  for (let at = 0; at <= 2; at++) history.take(reading({ atMs: at * 1000, requests: at }))
  assert.equal(history.steps.length, 2)
  for (let at = 3; at <= 3; at++) history.take(reading({ atMs: at * 1000, requests: at }))
  assert.equal(history.steps.length, 3)
  history.take(reading({ atMs: 4000, requests: 104 }))
  assert.equal(history.steps.length, 3)
  assert.equal(history.steps.at(-1)?.rate, 101)
  history.take(reading({ atMs: 4000, requests: 105 }))
  assert.equal(history.steps.length, 3, 'two readings at one moment are no step')
})

const text = `# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{http_route="/a",http_response_status_code="200",le="0.005"} 8 # {trace_id="${'a'.repeat(32)}",span_id="b"} 0.004 1700000000.5
http_server_request_duration_seconds_bucket{http_route="/a",http_response_status_code="200",le="+Inf"} 10
http_server_request_duration_seconds_count{http_route="/a",http_response_status_code="200"} 10
http_server_request_duration_seconds_count{http_route="/a",http_response_status_code="503"} 2
http_server_request_duration_seconds_count{http_route="/metrics",http_response_status_code="200"} 900
cache_hits_total{node_id="a\\"b"} 3
cache_requests_total 4
not a sample !!
# EOF
`

test('OpenMetrics text is read with labels and exemplars; odd lines are counted, not fatal', () => {
  const { samples, unread } = readSamples(text)
  assert.equal(unread, 1)
  assert.equal(samples.find(({ name }) => name === 'cache_hits_total')?.labels['node_id'], 'a"b')
  const read = readingOf(samples, 5)
  assert.equal(read.requests, 12, 'upkeep is left out')
  assert.equal(read.errors, 2)
  assert.equal(read.cacheHits, 3)
  assert.deepEqual(
    read.latency.map(({ count }) => count),
    [8, 2],
  )
  assert.deepEqual(read.sightings, [
    { traceId: 'a'.repeat(32), value: 0.004, timeMs: 1_700_000_000_500 },
  ])
})

test('any text can be read as metrics without throwing', () => {
  fc.assert(fc.property(fc.string(), (each) => void readingOf(readSamples(each).samples, 0)))
})

test('a line breaks at gaps, stays in its box and ends at the right', () => {
  const data = pathOf({ name: 'edge', points: [1, undefined, 2, 50] }, 10, 10)
  assert.equal(data.match(/M/g)?.length, 2)
  assert.ok(data.endsWith('L600.0 0.0'), data)
  assert.match(
    lineChart({ id: 'x', title: '<b>', steps: 10, stepSeconds: 2, lines: [], write: amount }).text,
    /&lt;b&gt;[^]*nothing measured yet/,
  )
  assert.deepEqual([0, 0.3, 1, 11, 230].map(roundUp), [1, 0.5, 1, 20, 250])
})

test('numbers are written for people', () => {
  assert.deepEqual(
    [amount(undefined), amount(0), amount(1.26), amount(12_345)],
    ['–', '0', '1.3', '12,345'],
  )
  assert.deepEqual([span(0.000_84), span(0.0123), span(1.25)], ['840 µs', '12.3 ms', '1.25 s'])
  assert.deepEqual(
    [share(0), share(0.0512), share(1), share(0.5)],
    ['0 %', '5.12 %', '100 %', '50.0 %'],
  )
  assert.deepEqual([size(512), size(268_435_456)], ['512 B', '256 MiB'])
})

test('a latency within the first bucket of a text exposition says how little is known', () => {
  const { samples } = readSamples(text)
  const step = stepBetween(reading({ atMs: 0 }), readingOf(samples, 1000))
  assert.equal(step.coarseBelow, 0.005)
  const fine = stepBetween(
    reading({ atMs: 0 }),
    reading({ atMs: 1000, requests: 1, latency: [{ low: 0.001, high: 0.00102, count: 1 }] }),
  )
  assert.equal(fine.coarseBelow, 0)
})
