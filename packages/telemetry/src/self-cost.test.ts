import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { measuredEvery, SelfCost } from './self-cost.ts'
import { createTelemetry } from './telemetry.ts'

test('one request in 1024 is measured, and the figure is in the exposition', () => {
  for (const [requests, measured] of [
    [measuredEvery - 1, false],
    [measuredEvery, true],
  ] as const) {
    const telemetry = createTelemetry({
      serviceName: 'x',
      sampling: { strategy: 'fixed', rate: 0.5 },
    })
    for (let at = 0; at < requests; at++)
      telemetry
        .beginServer({
          method: 'GET',
          path: '/',
          host: '',
          httpVersion: '1.1',
          secure: false,
          arrivedMs: 0,
          headers: { get: () => undefined },
        })
        .end(200, '/')
    const text = telemetry.exposition()
    const cost = /^spate_telemetry_request_cost_seconds(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1]
    assert.equal(Number(cost) > 0, measured, `${requests} requests: ${cost}`)
  }
})

test('the time of the readings is taken off, and the newest measurement weighs a sixteenth', () => {
  const clock = new VirtualClock()
  const cost = new SelfCost(clock)
  const measure = (beginMs: number, endMs: number): void => {
    const request = cost.begin(() => {
      clock.advance(beginMs)
      return {}
    })
    assert.ok(cost.watches(request))
    cost.end(() => clock.advance(endMs))
    assert.equal(cost.watches(request), false)
  }
  measure(1, 2)
  assert.ok(Math.abs(cost.seconds - 0.003) < 1e-9)
  measure(1, 18)
  assert.ok(Math.abs(cost.seconds - 0.004) < 1e-9)
  assert.equal(cost.measured, 2)
})
