import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Span } from '@opentelemetry/api'
import { SeededChance } from '@spate/runtime/chance'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { SpanScope } from './context.ts'
import { localSpansMax } from './local-trace.ts'
import type { SpanRecord } from './span-record.ts'
import { SpanRows, type RowOwner } from './span-rows.ts'
import { createTelemetry, type Telemetry } from './telemetry.ts'
import { ROOT_CONTEXT } from '@opentelemetry/api'

interface Bench {
  readonly telemetry: Telemetry
  readonly spans: SpanRecord[]
  readonly outcomes: () => Readonly<Record<string, number>>
}

function bench(spansHeld: number): Bench {
  const spans: SpanRecord[] = []
  const telemetry = createTelemetry({
    serviceName: 'test',
    clock: new VirtualClock(),
    chance: new SeededChance(7),
    sampling: { strategy: 'fixed', rate: 1 },
    sinks: [(some) => spans.push(...some)],
    allow: ['mark', 'late.*'],
    spansHeld,
  })
  return {
    telemetry,
    spans,
    outcomes() {
      const family = telemetry.metrics
        .collect()
        .find(({ name }) => name.name === 'spate.telemetry.spans')
      return Object.fromEntries(
        (family?.all() ?? []).map((series) => [
          String(series.attributes['outcome']),
          (series as unknown as { value: number }).value,
        ]),
      )
    },
  }
}

interface Model {
  readonly span: Span
  readonly mark: number
  readonly parent: Model | undefined
  attributes: number
  ended: boolean
}

const step = fc.record({
  what: fc.constantFrom('root', 'child', 'child', 'set', 'end', 'end', 'flush'),
  pick: fc.nat(1000),
  attributes: fc.integer({ min: 0, max: 12 }),
})

test('where rows run out the oldest trace is lost whole and counted, and no span holds a word of another', () => {
  let lostInAll = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(step, { minLength: 10, maxLength: 120 }),
      (held, steps) => {
        const { telemetry, spans, outcomes } = bench(held)
        const made: Model[] = []
        const begin = (parent: Model | undefined): void => {
          const mark = made.length
          const context = parent ? new SpanScope(ROOT_CONTEXT, parent.span) : ROOT_CONTEXT
          const span = telemetry.tracer.startSpan(`span-${mark}`, { attributes: { mark } }, context)
          made.push({ span, mark, parent, attributes: 0, ended: false })
        }
        for (const { what, pick, attributes } of steps) {
          const model = made[pick % Math.max(1, made.length)]
          if (what === 'root' || !model) begin(undefined)
          else if (what === 'child') begin(model)
          else if (what === 'set' && !model.ended) {
            for (let at = 0; at < attributes; at++)
              model.span.setAttribute(`late.${model.attributes++}`, `${model.mark}`)
          } else if (what === 'end') {
            model.ended = true
            model.span.end()
          }
        }
        for (const model of made) model.span.end()
        for (const record of spans) {
          const mark = record.attributes['mark'] as number
          const model = made[mark]
          assert.ok(model)
          assert.equal(record.name, `span-${mark}`)
          const { traceId, spanId } = model.span.spanContext()
          assert.equal(record.spanId, spanId)
          assert.equal(record.traceId, traceId)
          assert.equal(record.parentSpanId, model.parent?.span.spanContext().spanId ?? '')
          for (const [key, value] of Object.entries(record.attributes))
            if (key.startsWith('late.')) assert.equal(value, String(mark))
        }
        assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length, 'each once')
        const { kept = 0, no_room = 0, dropped = 0 } = outcomes()
        assert.equal(kept, spans.length)
        assert.equal(dropped, 0)
        lostInAll += no_room
        assert.equal(kept + no_room, made.length, 'each span was kept, or lost and counted')
      },
    ),
    { numRuns: 100 },
  )
  assert.ok(lostInAll > 20, 'the property was put to the test')
})

test('a local trace holds its thousand spans, and the next one is counted', () => {
  for (const [children, lost] of [
    [localSpansMax - 2, 0],
    [localSpansMax - 1, 0],
    [localSpansMax, 1],
  ] as const) {
    const { telemetry, spans, outcomes } = bench(10_000)
    const root = telemetry.tracer.startSpan('root')
    const context = new SpanScope(ROOT_CONTEXT, root)
    for (let at = 0; at < children; at++) telemetry.tracer.startSpan('child', {}, context).end()
    root.end()
    void telemetry.flush()
    assert.equal(spans.length, children + 1 - lost)
    assert.equal(outcomes()['no_room'] ?? 0, lost)
  }
})

test('a row is free again when its trace is judged, whether or not all its spans ended', () => {
  const { telemetry, spans } = bench(4)
  for (let at = 0; at < 1000; at++) {
    const root = telemetry.tracer.startSpan('root')
    const left = telemetry.tracer.startSpan('child', {}, new SpanScope(ROOT_CONTEXT, root))
    root.end()
    if (at % 3 === 0) left.end()
    left.setAttribute('mark', 'after')
  }
  assert.equal(spans.filter(({ name }) => name === 'root').length, 1000)
  assert.equal(spans.filter(({ name }) => name === 'child').length, 334)
})

test('rows are handed out once, up to the limit, and again after they came back', () => {
  for (const most of [1, 1023, 1024, 1025]) {
    const rows = new SpanRows(most)
    const owner: RowOwner = {
      number: rows.nextOwner(),
      older: undefined,
      newer: undefined,
      abandon: () => {},
    }
    const taken = Array.from({ length: most }, () => rows.take(owner))
    assert.equal(new Set(taken).size, most)
    assert.ok(taken.every((row) => row >= 0))
    assert.equal(rows.take(owner), -1, 'one above the limit')
    rows.release(taken[0] as number)
    assert.equal(rows.take(owner), taken[0])
    assert.equal(rows.taken, most)
  }
})
