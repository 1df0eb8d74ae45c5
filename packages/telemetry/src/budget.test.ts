import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import type { SamplingOptions } from './sampler.ts'
import type { ServerExchange } from './server-exchange.ts'
import type { SpanRecord } from './span-record.ts'
import { createTelemetry } from './telemetry.ts'
import { parseThreshold } from './threshold.ts'

const seed = 20_261_125
const headers = { get: () => undefined }

interface Shop {
  readonly clock: VirtualClock
  readonly spans: SpanRecord[]
  /** A request that begins now with `children` spans below it. */
  readonly begin: (children?: number) => ServerExchange
}

function shop(sampling: SamplingOptions, clock = new VirtualClock(), own = seed): Shop {
  const spans: SpanRecord[] = []
  const telemetry = createTelemetry({
    serviceName: 'shop',
    clock,
    chance: new SeededChance(own),
    sampling,
    sinks: [(some) => void spans.push(...some)],
  })
  return {
    clock,
    spans,
    begin(children = 0) {
      const exchange = telemetry.beginServer({
        method: 'GET',
        path: '/items/7',
        host: '',
        httpVersion: '1.1',
        secure: false,
        arrivedMs: clock.elapsed(),
        headers,
      })
      for (let at = 0; at < children; at++)
        telemetry.tracer.startSpan('step', {}, exchange.context).end()
      return exchange
    },
  }
}

/** What kept spans stand for, and the variance of that estimate. */
function estimateOf(spans: readonly SpanRecord[]): { total: number; variance: number } {
  let total = 0
  let variance = 0
  for (const span of spans) {
    const threshold = parseThreshold(/ot=th:([0-9a-f]+)/.exec(span.traceState)?.[1] ?? '')
    assert.ok(threshold, `every kept span says what it stands for: ${span.traceState}`)
    const { probability } = threshold
    total += 1 / probability
    variance += (1 - probability) / probability ** 2
  }
  return { total, variance }
}

/** The most spans kept within any ten seconds, stepping by a tenth of one. */
function mostInTenSeconds(perTenth: readonly number[]): number {
  let most = 0
  for (let from = 0; from + 100 <= perTenth.length; from++)
    most = Math.max(
      most,
      perTenth.slice(from, from + 100).reduce((sum, count) => sum + count, 0),
    )
  return most
}

for (const strategy of ['budget', 'adaptive', 'tail'] as const)
  for (const [what, tookMs, children, failEvery] of [
    ['quick requests', 0, 0, 0],
    ['requests of two seconds, all begun before one has ended', 2000, 0, 0],
    ['requests of twenty spans', 100, 19, 0],
    ['requests of which each fails', 100, 0, 1],
  ] as const)
    test(`${strategy}: a flood of ${what} keeps no more than 110 % of the budget in any ten seconds`, () => {
      const budget = 200
      const { begin, spans, clock } = shop({ strategy, rate: 1, spansPerSecond: budget })
      const open: { exchange: ServerExchange; endMs: number; failed: boolean }[] = []
      const perTenth: number[] = []
      let head = 0
      let begun = 0
      for (let tenth = 0; tenth < 180; tenth++) {
        const before = spans.length
        // 200 a second, then a step to 5000, then down again.
        const count = tenth < 35 || tenth > 80 ? 20 : 500
        for (let at = 0; at < count; at++) {
          clock.advance(100 / count)
          const failed = failEvery > 0 && begun++ % failEvery === 0
          open.push({ exchange: begin(children), endMs: clock.elapsed() + tookMs, failed })
          for (let next = open[head]; next && next.endMs <= clock.elapsed(); next = open[++head])
            next.exchange.end(next.failed ? 503 : 200, '/items/{id}')
        }
        perTenth.push(spans.length - before)
      }
      const most = mostInTenSeconds(perTenth)
      assert.ok(most <= 1.1 * 10 * budget, `${most} spans in ten seconds, seed ${seed}`)
      assert.ok(most >= 0.3 * 10 * budget, `only ${most} spans in ten seconds: little use`)
      const roots = spans.filter(({ name }) => name !== 'step')
      const { total, variance } = estimateOf(roots)
      assert.ok(
        Math.abs(total - head) <= 4 * Math.sqrt(variance),
        `${total} estimated of ${head}, deviation ${Math.sqrt(variance)}`,
      )
    })

test('while the share swings between 0.01 and 100 %, what is kept tells the total, and errors exactly', (t) => {
  const requests = Number(process.env['SPATE_PROOF_REQUESTS'] ?? 100_000)
  const clock = new VirtualClock()
  // Few are asked for at the least shares: one kept there stands for 10,000.
  const phases = [
    [1, 0.7],
    [0.1, 0.27],
    [0.01, 0.029],
    [0.001, 0.0009],
    [0.0001, 0.0001],
  ] as const
  const shops = phases.map(([rate], at) =>
    shop({ strategy: 'adaptive', rate, spansPerSecond: 0 }, clock, seed + at),
  )
  let errors = 0
  let made = 0
  const swings = 10
  for (let swing = 0; swing < swings; swing++)
    for (const [at, [, part]] of phases.entries()) {
      const count = Math.round((requests * part) / swings)
      for (let each = 0; each < count; each++) {
        clock.advance(0.1)
        const failed = ++made % 250 === 0
        if (failed) errors++
        shops[at]?.begin().end(failed ? 503 : 200, '/items/{id}')
      }
    }
  const spans = shops.flatMap((one) => one.spans)
  const { total, variance } = estimateOf(spans)
  t.diagnostic(
    `${total.toFixed(0)} estimated of ${made}: ${(100 * (total / made - 1)).toFixed(3)} %, deviation ${((100 * Math.sqrt(variance)) / made).toFixed(3)} %`,
  )
  assert.ok(Math.abs(total - made) <= 4 * Math.sqrt(variance), `seed ${seed}`)
  if (requests >= 1e6) assert.ok(Math.abs(total / made - 1) < 0.01, `seed ${seed}`)
  const failed = spans.filter((span) => span.attributes['http.response.status_code'] === 503)
  assert.equal(failed.length, errors)
  assert.equal(estimateOf(failed).total, errors)
})
