import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpanKind, type Attributes } from '@opentelemetry/api'
import fc from 'fast-check'
import { SeededChance } from '@spate/runtime/chance'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import type { SpanRecord } from '../span-record.ts'
import { createTelemetry, type Exporter, type Telemetry } from '../telemetry.ts'
import { decodeTraces } from './decode-traces.ts'
import { chunkBytesMax, RowWriter } from './row-writer.ts'

interface Bench {
  readonly telemetry: Telemetry
  readonly records: SpanRecord[]
  /** What was written as rows since the last call, decoded. */
  readonly decoded: () => readonly SpanRecord[]
}

function bench(rate = 1): Bench {
  const records: SpanRecord[] = []
  let writer: RowWriter | undefined
  let counted = 0
  const exporter: Exporter = {
    rows(resource, gate) {
      writer = new RowWriter(resource, gate, (spans) => (counted += spans))
      return writer.sink
    },
    flush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  }
  const clock = new VirtualClock()
  clock.advance(12.25)
  const telemetry = createTelemetry({
    serviceName: 'rows',
    resource: { 'node.id': 'n1' },
    clock,
    chance: new SeededChance(3),
    sampling: { strategy: 'adaptive', rate, spansPerSecond: 0 },
    sinks: [(some) => records.push(...some)],
    exporters: [exporter],
    allow: ['free.*'],
  })
  return {
    telemetry,
    records,
    decoded() {
      const messages = writer?.take() ?? []
      const spans = messages.flatMap(({ parts, length, count }) => {
        const bytes = Buffer.concat(parts)
        assert.equal(bytes.length, length)
        const some = decodeTraces(bytes)
        assert.equal(some.length, count)
        return some
      })
      assert.equal(spans.length, counted)
      counted = 0
      return spans
    },
  }
}

/** Both ways compared span by span, in whatever order scopes put them. */
function compare(ours: readonly SpanRecord[], records: readonly SpanRecord[]): void {
  const known = new Map(records.map((record) => [record.spanId, record]))
  assert.equal(known.size, ours.length)
  for (const span of ours) {
    const record = known.get(span.spanId)
    assert.ok(record)
    // Our own decoder keeps what a double of ms can hold; the rest is equal to the letter.
    assert.ok(Math.abs(span.startMs - record.startMs) < 0.001)
    assert.ok(Math.abs(span.endMs - record.endMs) < 0.001)
    const plain = (one: SpanRecord): object => ({
      ...one,
      startMs: 0,
      endMs: 0,
      attributes: { ...one.attributes },
      resource: { ...one.resource },
      scope: { ...one.scope },
      events: one.events.map(({ name, attributes }) => [name, { ...attributes }]),
      links: one.links.map((link) => ({ ...link, attributes: { ...link.attributes } })),
    })
    assert.deepEqual(plain(span), plain(record))
  }
}

const value = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom('', 'GET', 'x'.repeat(127), 'x'.repeat(128), 'y'.repeat(3000), 'ä'.repeat(900)),
  fc.integer(),
  fc.constantFrom(0, 127, 128, 16_383, 16_384, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1, -1, 0.1, 1e300),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY),
  fc.boolean(),
  fc.array(fc.string({ maxLength: 9 }), { maxLength: 4 }),
  fc.array(fc.integer(), { maxLength: 4 }),
)
const key = fc.oneof(
  fc.constantFrom('user.id', 'cache.hit', 'url.path', 'url.full', 'http.route', 'not.allowed', 'k'),
  fc.integer({ min: 0, max: 30 }).map((at) => `free.${at}`),
)
const work = fc.record({
  name: fc.oneof(fc.constantFrom('work', 'größe', ''), fc.string({ maxLength: 300 })),
  kind: fc.constantFrom(SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER),
  attributes: fc.dictionary(key, value, { maxKeys: 14 }),
  status: fc.constantFrom(0, 0, 1, 2),
  message: fc.option(fc.string({ minLength: 1 })),
  event: fc.integer({ min: 0, max: 9 }).map((at) => at === 9),
  scope: fc.constantFrom('spate', 'other'),
  remote: fc.constantFrom(
    undefined,
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-03',
  ),
})

test('spans written from rows are, decoded, the records other sinks are given', () => {
  fc.assert(
    fc.property(fc.array(work, { minLength: 1, maxLength: 12 }), (works) => {
      const { telemetry, records, decoded } = bench()
      for (const each of works) {
        const headers: Record<string, string> = { 'user-agent': 'test/1' }
        const exchange = telemetry.beginServer(
          {
            method: each.name === 'work' ? 'GET' : 'BREW',
            path: '/a/b',
            host: 'shop:8080',
            httpVersion: '1.1',
            secure: each.kind === SpanKind.CLIENT,
            arrivedMs: 3,
            headers: { get: (name) => headers[name] },
          },
          each.remote,
          each.remote === undefined ? undefined : 'ot=th:8,other=1',
        )
        const tracer = telemetry.tracerProvider.getTracer(each.scope, '1.0')
        const span = tracer.startSpan(
          each.name,
          { kind: each.kind, attributes: each.attributes },
          exchange,
        )
        if (each.status > 0)
          span.setStatus({
            code: each.status,
            ...(each.message === null ? {} : { message: each.message }),
          })
        if (each.event) span.recordException(new Error(each.name))
        span.end()
        exchange.span.setAttributes(each.attributes)
        exchange.end(
          each.status === 2 ? 503 : 200,
          each.event ? undefined : '/a/{id}',
          undefined,
          9,
        )
      }
      compare(decoded(), records)
    }),
    { numRuns: 150 },
  )
})

test('a known value is written right before and after there are too many to remember', () => {
  const { telemetry, records, decoded } = bench()
  for (let at = 0; at < 600; at++)
    telemetry.tracer
      .startSpan(`name-${at % 7}`, { attributes: { 'user.id': `u${at % 300}`, count: at } })
      .end()
  compare(decoded(), records)
})

test('what is refused is counted on the span and in the metric, the same both ways', () => {
  const { telemetry, records, decoded } = bench()
  telemetry.tracer.startSpan('x', { attributes: { secret: 'a', 'user.id': 'u' } }).end()
  const [span] = decoded()
  assert.equal(span?.droppedAttributes, 1)
  assert.deepEqual({ ...span?.attributes }, { 'user.id': 'u' })
  assert.equal(records[0]?.droppedAttributes, 1)
})

test('more spans than a message should hold become several messages, none lost', () => {
  const { telemetry, records, decoded } = bench()
  const attributes: Attributes = Object.fromEntries(
    Array.from({ length: 8 }, (_, at) => [`free.${at}`, 'z'.repeat(1000)]),
  )
  const spans = Math.ceil((2.5 * chunkBytesMax) / 8000)
  for (let at = 0; at < spans; at++) telemetry.tracer.startSpan('x', { attributes }).end()
  const ours = decoded()
  assert.equal(ours.length, spans)
  compare(ours, records)
})
