import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ExponentialHistogram } from './exponential-histogram.ts'
import { LogStore } from './log-store.ts'
import { quantileOf, totalBuckets } from './metric-buckets.ts'
import { MetricStore } from './metric-store.ts'
import type { ExponentialPoint, LogData, MetricData, Values } from './otlp/model.ts'
import { SpanKind } from '@opentelemetry/api'
import type { SpanRecord } from './span-record.ts'
import { TraceStore } from './trace-store.ts'

const scope = { name: 'test' }

const log = (at: number, given: Partial<LogData> = {}): LogData => ({
  timeMs: at,
  observedMs: at,
  severity: at % 2 ? 9 : 17,
  severityText: '',
  body: `Message ${at}`,
  attributes: {},
  traceId: '',
  spanId: '',
  flags: 0,
  eventName: '',
  resource: { 'service.name': 'one' },
  scope,
  ...given,
})

test('log records are kept to a limit, newest first', () => {
  for (const [count, held] of [
    [2, 2],
    [3, 3],
    [4, 3],
    [5000, 3],
  ] as const) {
    const store = new LogStore({ records: 3 })
    for (let at = 1; at <= count; at++) store.sink([log(at)])
    assert.equal(store.size.records, held)
    assert.equal(store.size.dropped, count - held)
    assert.equal(store.list()[0]?.body, `Message ${count}`)
    assert.equal(store.list().length, held)
  }
})

test('log records are kept to bytes, whatever their size', () => {
  const store = new LogStore({ bytes: 100_000 })
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60_000 }), (length) => {
      store.sink([log(1, { body: 'x'.repeat(length) })])
      assert.ok(store.size.bytes <= 100_000)
    }),
  )
  store.sink([log(1, { body: 'x'.repeat(1_000_000) })])
  assert.equal(store.size.records, 0)
  assert.equal(store.size.bytes, 0)
})

test('log records are found by severity, text, trace and program together', () => {
  const store = new LogStore()
  const traceId = 'ab'.repeat(16)
  for (let at = 1; at <= 9; at++)
    store.sink([
      log(at, {
        attributes: { 'order.id': `o-${at}` },
        ...(at > 6 ? { traceId } : {}),
        ...(at === 8 ? { resource: { 'service.name': 'two' } } : {}),
      }),
    ])
  const found = (query: Parameters<LogStore['list']>[0]): readonly number[] =>
    store.list(query).map(({ timeMs }) => timeMs)
  assert.deepEqual(found({ severityMin: 17 }), [8, 6, 4, 2])
  assert.deepEqual(found({ text: 'MESSAGE 5' }), [5])
  assert.deepEqual(found({ text: 'order.id=O-3' }), [3])
  assert.deepEqual(found({ traceId, severityMin: 17 }), [8])
  assert.deepEqual(found({ service: 'two' }), [8])
  assert.deepEqual(found({ limit: 2 }), [9, 8])
  assert.deepEqual(store.services(), ['one', 'two'])
})

const sum = (
  value: number,
  timeMs: number,
  attributes: Values = {},
  service = 'one',
): MetricData => ({
  name: 'requests',
  unit: '1',
  description: '',
  resource: { 'service.name': service },
  scope,
  kind: 'sum',
  monotonic: true,
  cumulative: true,
  points: [{ attributes, startMs: 0, timeMs, value, exemplars: [] }],
})

test('a cumulative sum becomes a gain a second, also over a restart', () => {
  const store = new MetricStore()
  for (const [value, timeMs] of [
    [10, 1000],
    [30, 2000],
    [5, 3000],
    [5, 4000],
  ] as const)
    store.sink([sum(value, timeMs)])
  const [series] = store.query({ name: 'requests' })
  assert.deepEqual(
    series?.steps.map(({ value }) => value),
    [20, 5, 0],
  )
})

test('series are found by name, program, labels and time', () => {
  const store = new MetricStore()
  store.sink([sum(1, 1000, { route: '/a', code: 200 }), sum(1, 5000, { route: '/b', code: 200 })])
  store.sink([sum(1, 1000, { route: '/a', code: 200 }, 'two')])
  assert.equal(store.query().length, 3)
  assert.equal(store.query({ labels: { route: '/a', code: '200' } }).length, 2)
  assert.equal(store.query({ labels: { route: '/a' }, service: 'two' }).length, 1)
  assert.equal(store.query({ labels: { nothing: 'x' } }).length, 0)
  assert.equal(store.query({ fromMs: 2000 }).length, 1)
  assert.equal(store.query({ toMs: 2000 }).length, 2)
  assert.deepEqual(
    store.list().map(({ service, series }) => [service, series]),
    [
      ['one', 2],
      ['two', 1],
    ],
  )
})

test('a metric store stays within series, points and bytes; what was touched last stays', () => {
  for (const [count, held] of [
    [9, 9],
    [10, 10],
    [11, 10],
  ] as const) {
    const store = new MetricStore({ series: 10 })
    for (let at = 0; at < count; at++) store.sink([sum(1, 1, { at })])
    assert.deepEqual([store.size.series, store.size.dropped], [held, count - held])
  }
  const few = new MetricStore({ series: 2 })
  for (const at of [1, 2, 1, 3]) few.sink([sum(1, 1, { at })])
  assert.deepEqual(
    few.query().map(({ attributes }) => attributes['at']),
    [1, 3],
  )
  const points = new MetricStore({ pointsPerSeries: 5 })
  for (let at = 0; at < 100; at++) points.sink([sum(at, at * 1000)])
  assert.equal(points.query()[0]?.steps.length, 4)
  const bytes = new MetricStore({ bytes: 50_000 })
  for (let at = 0; at < 5000; at++) bytes.sink([sum(1, 1, { at })])
  assert.ok(bytes.size.bytes <= 50_000 && bytes.size.series > 10)
  assert.equal(bytes.size.series + bytes.size.dropped, 5000)
})

function exponential(values: readonly number[]): ExponentialPoint {
  const histogram = new ExponentialHistogram()
  for (const value of values) histogram.record(value)
  const { scale, offset, counts } = histogram.written()
  return {
    attributes: {},
    startMs: 0,
    timeMs: 0,
    exemplars: [],
    count: histogram.count,
    sum: histogram.sum,
    min: 0,
    max: 0,
    scale,
    zeroCount: histogram.zeroCount,
    zeroThreshold: 0,
    positive: { offset, counts: [...counts] },
    negative: { offset: 0, counts: [] },
  }
}

test('what one histogram point adds to an earlier one is what was recorded in between, at any scales', () => {
  const values = fc.array(fc.double({ min: 1e-4, max: 100, noNaN: true }), { maxLength: 50 })
  fc.assert(
    fc.property(values, values, (before, after) => {
      const added = totalBuckets(exponential([...before, ...after]), exponential(before))
      assert.equal(
        added.reduce((total, { count }) => total + count, 0),
        after.length,
      )
      for (const value of after)
        assert.ok(
          added.some(({ low, high }) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)),
        )
      const median = quantileOf(added, 0.5)
      assert.equal(median === undefined, after.length === 0)
      if (median !== undefined)
        assert.ok(median >= Math.min(...after) * 0.5 && median <= Math.max(...after) * 2)
    }),
  )
})

test('traces are found by route, status, duration and attribute', () => {
  const store = new TraceStore()
  const span = (at: number, attributes: SpanRecord['attributes'], name = 'GET'): SpanRecord => ({
    traceId: at.toString(16).padStart(32, '0'),
    spanId: 'cd'.repeat(8),
    parentSpanId: '',
    traceState: '',
    flags: 1,
    remoteParent: false,
    name,
    kind: SpanKind.SERVER,
    startMs: 1000,
    endMs: 1000 + at,
    attributes,
    droppedAttributes: 0,
    events: [],
    droppedEvents: 0,
    links: [],
    droppedLinks: 0,
    status: { code: 0 },
    service: 'one',
    resource: {},
    scope,
  })
  const http = (route: string, status: number): SpanRecord['attributes'] => ({
    'http.route': route,
    'http.response.status_code': status,
  })
  store.sink([span(1, http('/a', 200)), span(2, http('/a', 503)), span(3, http('/b', 500))])
  store.sink([span(4, { 'order.id': 'o-1', count: 7 }, 'work')])
  const found = (query: Parameters<TraceStore['list']>[0]): readonly number[] =>
    store.list(query).map(({ durationMs }) => durationMs)
  assert.deepEqual(found({ route: '/a' }), [2, 1])
  assert.deepEqual(found({ status: '5xx' }), [3, 2])
  assert.deepEqual(found({ status: '500' }), [3])
  assert.deepEqual(found({ durationMsMin: 2, durationMsMax: 3 }), [3, 2])
  assert.deepEqual(found({ attribute: ['order.id', 'o-1'] }), [4])
  assert.deepEqual(found({ attribute: ['count', '7'] }), [4])
  assert.deepEqual(found({ attribute: ['order.id', ''] }), [4])
  assert.deepEqual(found({ attribute: ['order.id', 'o-2'] }), [])
  assert.deepEqual(found({ route: '/a', status: '5xx' }), [2])
})
