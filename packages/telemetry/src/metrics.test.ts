import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttributeGate } from './attributes.ts'
import { expose } from './exposition.ts'
import { SpateMeter } from './meter.ts'
import { MetricRegistry } from './metrics.ts'
import type { MetricName } from './metric-name.ts'
import { metricNames } from './names.ts'

const name: MetricName = {
  name: 'test.things',
  kind: 'counter',
  unit: '{thing}',
  description: 'Things.',
  attributes: ['a'],
}

test('a million attribute sets stay within the limit and the total is exact', () => {
  const registry = new MetricRegistry(() => 0)
  const family = registry.counter({ ...name, limit: 100 })
  const sets = 1_000_000
  for (let at = 0; at < sets; at++) family.series({ a: `v${at}` }).add(1)
  assert.equal(family.size, 100)
  const total = family.all().reduce((sum, series) => sum + series.value, 0)
  assert.equal(total, sets)
  const overflow = family
    .all()
    .find(({ attributes }) => attributes['otel.metric.overflow'] === true)
  assert.equal(overflow?.value, sets - 99)
})

test('the overflow series begins exactly at the limit', () => {
  for (const [sets, overflowed] of [
    [8, 0],
    [9, 0],
    [10, 1],
  ] as const) {
    const family = new MetricRegistry(() => 0).counter({ ...name, limit: 10 })
    for (let at = 0; at < sets; at++) family.series({ a: String(at) }).add()
    assert.equal(family.overflowed, overflowed, `${sets} sets`)
  }
})

test('attributes a name does not list make no series, and types are told apart', () => {
  const family = new MetricRegistry(() => 0).counter(name)
  family.series({ a: 1, b: 'x' }).add()
  family.series({ a: 1, b: 'y' }).add()
  family.series({ a: '1' }).add()
  assert.deepEqual(
    family.all().map(({ attributes, value }) => [attributes['a'], value]),
    [
      [1, 2],
      ['1', 1],
    ],
  )
})

test('counters refuse what would make them wrong', () => {
  const series = new MetricRegistry(() => 0).counter(name).series()
  for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY]) series.add(bad)
  series.add(2)
  assert.equal(series.value, 2)
  assert.equal(series.refused, 3)
})

test('an observer that throws does not take the others with it', () => {
  const registry = new MetricRegistry(() => 0)
  const gauge = registry.gauge({ ...name, kind: 'gauge' }).series()
  registry.observe(() => {
    throw new Error('user code')
  })
  registry.observe(() => gauge.set(3))
  registry.collect()
  assert.equal(gauge.value, 3)
  assert.equal(registry.observerFailures, 1)
})

test('the meter of the api records, observes, and survives absurd input', () => {
  const registry = new MetricRegistry(() => 0)
  const meter = new SpateMeter(registry, new AttributeGate(['*']), 'lib')
  meter.createCounter('hits').add(2, { a: 'x' })
  meter.createUpDownCounter('level').add(-3)
  meter.createHistogram('sizes', { advice: { explicitBucketBoundaries: [10, 1] } }).record(5)
  meter.createGauge('gauge').record(1.5)
  meter.createCounter('Ü bad name'.repeat(100)).add(1)
  const observed = meter.createObservableCounter('seen')
  observed.addCallback((result) => result.observe(7, { k: 'v' }))
  const gauge = meter.createObservableGauge('both')
  meter.addBatchObservableCallback((result) => result.observe(gauge, 9), [gauge])
  const text = expose(registry.collect(), {})
  assert.match(text, /^hits_total\{a="x",otel_scope_name="lib"\} 2$/m)
  assert.match(text, /^level\{otel_scope_name="lib"\} -3$/m)
  assert.match(text, /^sizes_bucket\{otel_scope_name="lib",le="10\.0"\} 1$/m)
  assert.match(text, /^seen_total\{k="v",otel_scope_name="lib"\} 7$/m)
  assert.match(text, /^both\{otel_scope_name="lib"\} 9$/m)
  assert.match(text, /^invalid_total/m)
})

test('the exposition escapes values, ends as OpenMetrics asks, and links exemplars', () => {
  const registry = new MetricRegistry(() => 0)
  const duration = registry.histogram(metricNames.httpServerDuration)
  const series = duration.series({
    'http.request.method': 'GET',
    'http.route': '/a"b\\c\n',
    'http.response.status_code': 200,
    'url.scheme': 'http',
  })
  series.record(0.02)
  series.link({ value: 0.02, timeMs: 1500, traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) })
  const text = expose(registry.collect(), { 'service.name': 'x' })
  assert.ok(text.endsWith('# EOF\n'))
  assert.ok(text.includes(String.raw`http_route="/a\"b\\c\n"`))
  assert.match(
    text,
    /http_request_duration_seconds_bucket\{.*le="0\.025"\} 1 # \{trace_id="(ab){16}"/,
  )
  assert.match(text, /^http_requests_total\{method="GET",.*status="200"\} 1$/m)
  assert.match(text, /http_server_request_duration_seconds_count\{.*\} 1/)
})
