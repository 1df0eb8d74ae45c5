import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { sliceSeriesMax, metricSlicesOf } from './collect.ts'
import { SpanScope } from './context.ts'
import { sliceSpansMax } from './departures.ts'
import { MetricRegistry } from './metrics.ts'
import { metricNames } from './names.ts'
import { createTelemetry } from './telemetry.ts'

test('a large trace leaves in slices, never more than 64 spans a turn, and none is lost', async () => {
  for (const [children, turns] of [
    [sliceSpansMax - 2, 1],
    [sliceSpansMax - 1, 1],
    [sliceSpansMax, 2],
    [999, 16],
  ] as const) {
    const slices: number[] = []
    const telemetry = createTelemetry({
      serviceName: 'x',
      clock: new VirtualClock(),
      sampling: { strategy: 'fixed', rate: 1 },
      sinks: [(spans) => slices.push(spans.length)],
    })
    const root = telemetry.tracer.startSpan('root')
    const context = new SpanScope(ROOT_CONTEXT, root)
    for (let at = 0; at < children; at++) telemetry.tracer.startSpan('child', {}, context).end()
    root.end()
    for (let turn = 0; turn < 40 && slices.length < turns; turn++) {
      const before = slices.length
      await new Promise((resolve) => setImmediate(resolve))
      assert.ok(slices.length - before <= 1, 'one slice a turn')
    }
    assert.equal(slices.length, turns)
    assert.ok(slices.every((count) => count <= sliceSpansMax))
    assert.equal(
      slices.reduce((sum, count) => sum + count, 0),
      children + 1,
    )
  }
})

test('series become points in slices, and only when the slice is asked for', () => {
  const registry = new MetricRegistry(() => 0)
  const family = registry.histogram(metricNames.httpServerDuration)
  const series = 2 * sliceSeriesMax + 1
  for (let at = 0; at < series; at++) family.series({ 'http.route': `/r${at}` }).record(0.01)
  const slices = metricSlicesOf(registry.collect(), {}, 1)
  const first = slices.next().value
  assert.equal(first?.points.length, sliceSeriesMax)
  family.series({ 'http.route': `/r${series - 1}` }).record(0.01)
  const rest = [...slices]
  assert.deepEqual(
    rest.map(({ points }) => points.length),
    [sliceSeriesMax, 1],
  )
  const last = rest[1]
  assert.equal(last?.kind === 'exponential' && last.points[0]?.count, 2)
})
