import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT, SamplingDecision, SpanKind } from '@opentelemetry/api'
import {
  createComposableProbabilitySampler,
  createCompositeSampler,
} from '@opentelemetry/sampler-composite'
import { SeededChance } from '@spate/runtime/chance'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { SpanScope } from './context.ts'
import { injectHeaders } from './propagator.ts'
import type { SamplingOptions } from './sampler.ts'
import type { SpanRecord } from './span-record.ts'
import { createTelemetry, type Telemetry } from './telemetry.ts'
import { keeps, parseThreshold, thresholdOf } from './threshold.ts'

const seed = 20_261_125

interface Bench {
  readonly clock: VirtualClock
  readonly telemetry: Telemetry
  readonly spans: SpanRecord[]
  readonly request: (status?: number, tookMs?: number, route?: string) => void
}

function bench(sampling: SamplingOptions): Bench {
  const clock = new VirtualClock()
  const spans: SpanRecord[] = []
  const telemetry = createTelemetry({
    serviceName: 'test',
    clock,
    chance: new SeededChance(seed),
    sampling,
    sinks: [(some) => spans.push(...some)],
  })
  const headers = { get: () => undefined }
  return {
    clock,
    telemetry,
    spans,
    request(status = 200, tookMs = 1, route = '/items/{id}') {
      const arrivedMs = clock.elapsed() - tookMs
      const path = route.replace('{id}', '7')
      telemetry
        .beginServer({
          method: 'GET',
          path,
          host: '',
          httpVersion: '1.1',
          secure: false,
          arrivedMs,
          headers,
        })
        .end(status, route)
    },
  }
}

const counted = (spans: readonly SpanRecord[]): number =>
  spans.reduce((sum, span) => {
    const text = /ot=th:([0-9a-f]+)/.exec(span.traceState)?.[1]
    const threshold = text === undefined ? undefined : parseThreshold(text)
    assert.ok(threshold, `every kept root says what it stands for: ${span.traceState}`)
    return sum + 1 / threshold.probability
  }, 0)

test('decisions equal those of the official composite sampler, id by id', () => {
  const ids = Number(process.env['SPATE_PROOF_IDS'] ?? 20_000)
  const chance = new SeededChance(seed)
  for (const probability of [1, 0.5, 1 / 3, 0.01, 0.001]) {
    const sampler = createCompositeSampler(createComposableProbabilitySampler(probability))
    // The official sampler writes all 14 digits; equal precision makes equal decisions.
    const threshold = thresholdOf(probability, 14)
    for (let at = 0; at < ids; at++) {
      const words = [chance.uint32(), chance.uint32(), chance.uint32(), chance.uint32()]
      const traceId = words.map((word) => word.toString(16).padStart(8, '0')).join('')
      const theirs = sampler.shouldSample(
        ROOT_CONTEXT,
        traceId,
        'x',
        SpanKind.SERVER,
        {},
        [],
      ).decision
      const ours = keeps(threshold, (words[2] as number) & 0xff_ffff, words[3] as number)
      assert.equal(
        ours,
        (theirs as number) === (SamplingDecision.RECORD_AND_SAMPLED as number),
        `${traceId} at ${probability}`,
      )
    }
  }
})

test('every error is kept with th:0 at a head rate of 0.01 %, and others are estimated without bias', () => {
  const requests = Number(process.env['SPATE_PROOF_REQUESTS'] ?? 100_000)
  const { request, spans, clock } = bench({ strategy: 'adaptive', rate: 0.0001, spansPerSecond: 0 })
  let errors = 0
  for (let at = 0; at < requests; at++) {
    clock.advance(0.1)
    const failed = at % 250 === 249
    if (failed) errors++
    request(failed ? 503 : 200)
  }
  const kept = spans.filter((span) => span.attributes['http.response.status_code'] === 503)
  assert.equal(kept.length, errors)
  assert.ok(kept.every((span) => span.traceState === 'ot=th:0'))
  assert.equal(counted(kept), errors)
})

test('slow requests of a route are kept once its P99 is known', () => {
  const { request, spans, clock } = bench({ strategy: 'adaptive', rate: 0.0001, spansPerSecond: 0 })
  for (let at = 0; at < 2000; at++) {
    clock.advance(1)
    request(200, 5)
  }
  const before = spans.length
  for (let at = 0; at < 5; at++) request(200, 500)
  const slow = spans.slice(before)
  assert.equal(slow.length, 5)
  assert.ok(slow.every((span) => span.attributes['sampling.rule'] === 'slow'))
})

test('the rate of a failing route rises tenfold within five seconds and comes back within sixty', () => {
  const { request, spans, clock } = bench({ strategy: 'adaptive', rate: 0.01, spansPerSecond: 0 })
  const run = (seconds: number, errorEvery: number): number => {
    const before = spans.length
    for (let at = 0; at < seconds * 1000; at++) {
      clock.advance(1)
      request(at % errorEvery === 0 && errorEvery > 0 ? 500 : 200)
    }
    return (
      spans.slice(before).filter((span) => span.attributes['http.response.status_code'] === 200)
        .length /
      (seconds * 1000)
    )
  }
  const calm = run(20, Number.POSITIVE_INFINITY)
  run(5, 20)
  const failing = run(10, 20)
  run(60, Number.POSITIVE_INFINITY)
  const after = run(20, Number.POSITIVE_INFINITY)
  assert.ok(Math.abs(calm - 0.01) < 0.004, `calm ${calm}`)
  assert.ok(Math.abs(failing - 0.095) < 0.02, `failing ${failing}`)
  assert.ok(Math.abs(after - 0.01) < 0.004, `after ${after}`)
})

test('the budget is never exceeded by more than a tenth over ten seconds, and th stays true', () => {
  const budget = 500
  const { request, spans, clock } = bench({ strategy: 'budget', spansPerSecond: budget })
  const perSecond: number[] = []
  let total = 0
  for (const rate of [
    100, 100, 5000, 5000, 5000, 20_000, 20_000, 20_000, 20_000, 2000, 2000, 100, 100, 100,
  ]) {
    const before = spans.length
    for (let at = 0; at < rate; at++) {
      clock.advance(1000 / rate)
      request()
      total++
    }
    perSecond.push(spans.length - before)
  }
  assert.equal(perSecond[0], 100, 'under the budget all is kept')
  for (let from = 0; from + 10 <= perSecond.length; from++) {
    const sum = perSecond.slice(from, from + 10).reduce((a, b) => a + b, 0)
    assert.ok(sum <= 1.1 * 10 * budget, `${sum} spans in ten seconds`)
  }
  const estimate = counted(spans)
  assert.ok(Math.abs(estimate / total - 1) < 0.12, `estimated ${estimate} of ${total}`)
})

test('under `tail` an error in one program keeps what the others hold of the trace', () => {
  const clock = new VirtualClock()
  const spans: SpanRecord[] = []
  const make = (serviceName: string): Telemetry =>
    createTelemetry({
      serviceName,
      clock,
      chance: new SeededChance(seed),
      sampling: { strategy: 'tail', rate: 0.0001, spansPerSecond: 0 },
      sinks: [(some) => spans.push(...some)],
    })
  const edge = make('edge')
  const shop = make('shop')
  const view = (): Parameters<Telemetry['beginServer']>[0] => ({
    method: 'GET',
    path: '/',
    host: '',
    httpVersion: '1.1',
    secure: false,
    arrivedMs: clock.elapsed(),
    headers: { get: () => undefined },
  })
  const told: string[] = []
  edge.onKeep((traceId) => told.push(traceId))
  const pass = (status: number): string => {
    const front = edge.beginServer(view())
    const fetch = edge.tracer.startSpan('origin.fetch', {}, front.context)
    const headers = injectHeaders(new SpanScope(front.context, fetch))
    const back = shop.beginServer(view(), headers['traceparent'], headers['tracestate'])
    back.end(200, '/')
    fetch.end()
    front.end(status, '/')
    return front.span.spanContext().traceId
  }
  pass(200)
  pass(500)
  spans.length = 0
  const calm = pass(200)
  assert.deepEqual(
    spans.filter((span) => span.traceId === calm),
    [],
  )
  const failed = pass(500)
  assert.deepEqual(
    spans
      .filter((span) => span.traceId === failed)
      .map((span) => `${span.service} ${span.name}`)
      .sort(),
    ['edge GET /', 'edge origin.fetch', 'shop GET /'],
  )
  assert.ok(told.includes(failed))
  shop.keepTrace(calm)
  assert.equal(
    spans.filter((span) => span.traceId === calm).length,
    3,
    'a peer may ask for it within five seconds',
  )
})
