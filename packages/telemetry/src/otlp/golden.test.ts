import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { official, type OfficialType } from './testing/official-schema.ts'
import { ExponentialHistogram } from '../exponential-histogram.ts'
import type { SpanRecord } from '../span-record.ts'
import { logsFromJson, metricsFromJson, tracesFromJson } from './decode-json.ts'
import { decodeLogs } from './decode-logs.ts'
import { decodeMetrics } from './decode-metrics.ts'
import { decodeTraces } from './decode-traces.ts'
import { logsJson, metricsJson, tracesJson } from './encode-json.ts'
import { encodeLogs } from './encode-logs.ts'
import { encodeMetrics } from './encode-metrics.ts'
import { encodeTraces } from './encode-traces.ts'
import { logsExamples, metricsExample, traceExample } from './testing/golden-examples.ts'
import type { LogData, MetricData, Value } from './model.ts'
import { ProtoReader } from './proto-reader.ts'
import { ProtoWriter } from './proto-writer.ts'

// Codecs that the OpenTelemetry project generated from its .proto files.
const { collector } = official.opentelemetry.proto
const requests = {
  traces: collector.trace.v1.ExportTraceServiceRequest,
  metrics: collector.metrics.v1.ExportMetricsServiceRequest,
  logs: collector.logs.v1.ExportLogsServiceRequest,
}

/** A message as the official schema reads `bytes`, in OTLP's JSON: hex ids, numbers for enums. */
function officially(type: OfficialType, bytes: Uint8Array): unknown {
  assert.equal(type.verify(type.toObject(type.decode(bytes))), null)
  const plain = type.toObject(type.decode(bytes), { longs: String, bytes: Array, json: true })
  return normal(plain)
}

const idNames = new Set(['traceId', 'spanId', 'parentSpanId'])

/** Both spellings of the same message made equal: defaults left out, ids as hex, longs as texts. */
function normal(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) {
    if (idNames.has(name)) return Buffer.from(value as number[]).toString('hex')
    if (name === 'bytesValue') return Buffer.from(value as number[]).toString('base64')
    return value.map((element) => normal(element))
  }
  if (typeof value === 'object' && value !== null) {
    const kept: Record<string, unknown> = {}
    for (const [key, inner] of Object.entries(value)) {
      const plain = normal(inner, key)
      const empty =
        plain === '' ||
        plain === 0 ||
        plain === '0' ||
        plain === false ||
        (Array.isArray(plain) && plain.length === 0) ||
        (typeof plain === 'object' && plain !== null && Object.keys(plain).length === 0)
      if (!empty || /Value$|^as|^value$/.test(key)) kept[key] = plain
    }
    return kept
  }
  return typeof value === 'string' && idNames.has(name) ? value.toLowerCase() : value
}

const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true }).map((number) => (Number.isInteger(number) ? 0.5 : number)),
    fc.maxSafeInteger(),
    fc.uint8Array({ maxLength: 8 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 3, noNullPrototype: false }),
  ),
})).value
const values = fc.dictionary(fc.string(), value, { maxKeys: 4, noNullPrototype: false })
const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((id) => Buffer.from(id).toString('hex'))
/** Times a double holds exactly: multiples of 2^-10 ms. */
const time = fc.integer({ min: 1, max: 2 ** 31 }).map((unit) => 1.7e12 + (unit * 64) / 1024)
const scope = fc.record({ name: fc.string({ minLength: 1 }) })

const span: fc.Arbitrary<SpanRecord> = fc
  .record({
    traceId: hex(16),
    spanId: hex(8),
    parentSpanId: fc.oneof(fc.constant(''), hex(8)),
    traceState: fc.constantFrom('', 'ot=th:8', 'a=1,b=2'),
    flags: fc.nat(3),
    remoteParent: fc.boolean(),
    name: fc.string({ unit: 'grapheme', maxLength: 300 }),
    kind: fc.nat(4),
    startMs: time,
    endMs: time,
    attributes: values,
    droppedAttributes: fc.nat(1000),
    events: fc.array(
      fc.record({
        name: fc.string(),
        timeMs: time,
        attributes: values,
        droppedAttributes: fc.nat(5),
      }),
      { maxLength: 2 },
    ),
    droppedEvents: fc.nat(3),
    links: fc.array(
      fc.record({
        traceId: hex(16),
        spanId: hex(8),
        traceState: fc.constant(''),
        attributes: values,
        droppedAttributes: fc.nat(5),
      }),
      { maxLength: 2 },
    ),
    droppedLinks: fc.nat(3),
    status: fc.constantFrom({ code: 0 }, { code: 1 }, { code: 2, message: 'mal ché' }),
    scope,
    resource: values,
  })
  .map((made) => ({ ...made, service: 'unknown_service' }))

test('our bytes of spans, read by the official schema, are what our JSON says, and come back', () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 4 }), (spans) => {
      const bytes = encodeTraces(spans)
      assert.deepEqual(officially(requests.traces, bytes), normal(tracesJson(spans)))
      assert.deepEqual(plain(decodeTraces(bytes)), plain(spans))
      assert.deepEqual(plain(tracesFromJson(JSON.stringify(tracesJson(spans)))), plain(spans))
    }),
    { numRuns: 200 },
  )
})

test('examples in the JSON of the specification survive our decoder and encoder', () => {
  const spans = tracesFromJson(traceExample)
  assert.equal(spans.length, 1)
  assert.deepEqual(officially(requests.traces, encodeTraces(spans)), flagged(traceExample))
  const metrics = metricsFromJson(metricsExample)
  assert.deepEqual(
    metrics.map(({ kind }) => kind),
    ['sum', 'gauge', 'histogram', 'exponential'],
  )
  assert.deepEqual(
    officially(requests.metrics, encodeMetrics(metrics)),
    normal(JSON.parse(metricsExample)),
  )
  for (const example of logsExamples) {
    const logs = logsFromJson(example)
    assert.ok(logs.length > 0)
    assert.deepEqual(officially(requests.logs, encodeLogs(logs)), normal(JSON.parse(example)))
  }
})

test('metrics of every kind, read by the official schema, are what was written', () => {
  const histogram = new ExponentialHistogram([0.1, 1])
  for (let at = 1; at <= 500; at++) histogram.record(at / 100)
  histogram.record(0)
  const written = histogram.written()
  const point = { attributes: { route: '/a', ok: true }, startMs: 1e12, timeMs: 1e12 + 0.5 }
  const exemplar = { value: 0.3, timeMs: 1e12, traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) }
  const head = {
    unit: 's',
    description: 'd',
    resource: { 'service.name': 'x' },
    scope: { name: 's' },
  }
  const statistics = { count: 501, sum: histogram.sum, min: 0, max: 5 }
  const metrics: MetricData[] = [
    { ...head, name: 'g', kind: 'gauge', points: [{ ...point, value: -1.5, exemplars: [] }] },
    {
      ...head,
      name: 's',
      kind: 'sum',
      monotonic: true,
      cumulative: true,
      points: [{ ...point, value: 2, exemplars: [exemplar] }],
    },
    {
      ...head,
      name: 'h',
      kind: 'histogram',
      cumulative: false,
      points: [{ ...point, ...statistics, bounds: [0.1, 1], counts: [11, 90, 400], exemplars: [] }],
    },
    {
      ...head,
      name: 'e',
      kind: 'exponential',
      cumulative: true,
      points: [
        {
          ...point,
          ...statistics,
          scale: written.scale,
          zeroCount: 1,
          zeroThreshold: 0,
          positive: { offset: written.offset, counts: [...written.counts] },
          negative: { offset: 0, counts: [] },
          exemplars: [exemplar],
        },
      ],
    },
    {
      ...head,
      name: 'q',
      kind: 'summary',
      points: [
        { ...point, count: 3, sum: 6, quantiles: [{ quantile: 0.5, value: 2 }], exemplars: [] },
      ],
    },
  ]
  const bytes = encodeMetrics(metrics)
  assert.deepEqual(officially(requests.metrics, bytes), normal(metricsJson(metrics)))
  assert.deepEqual(plain(decodeMetrics(bytes)), plain(metrics))
  assert.deepEqual(plain(metricsFromJson(JSON.stringify(metricsJson(metrics)))), plain(metrics))
})

test('logs come back as they were, whatever their body', () => {
  fc.assert(
    fc.property(value, values, time, (body, attributes, timeMs) => {
      const log: LogData = {
        timeMs,
        observedMs: timeMs,
        severity: 17,
        severityText: 'ERROR',
        body,
        attributes,
        traceId: 'ab'.repeat(16),
        spanId: 'cd'.repeat(8),
        flags: 1,
        eventName: 'e',
        resource: {},
        scope: { name: 'x' },
      }
      assert.deepEqual(officially(requests.logs, encodeLogs([log])), normal(logsJson([log])))
      assert.deepEqual(plain(decodeLogs(encodeLogs([log]))), plain([log]))
      assert.deepEqual(plain(logsFromJson(JSON.stringify(logsJson([log])))), plain([log]))
    }),
    {
      numRuns: 100,
      examples: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(
        (body): [Value, Record<string, Value>, number] => [body, { inner: [body] }, 1.7e12],
      ),
    },
  )
})

test('any bytes either decode or are an invalid request; they never do anything else', () => {
  const sound = encodeTraces(fc.sample(span, { numRuns: 3, seed: 7 }))
  const poison = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.nat(sound.length).map((length) => sound.slice(0, length)),
    fc.tuple(fc.nat(Math.max(0, sound.length - 1)), fc.nat(255)).map(([at, byte]) => {
      const broken = Uint8Array.from(sound)
      broken[at] = byte
      return broken
    }),
  )
  fc.assert(
    fc.property(poison, (bytes) => {
      for (const decode of [decodeTraces, decodeMetrics, decodeLogs])
        try {
          decode(bytes)
        } catch (caught) {
          assert.equal((caught as { code?: string }).code, 'invalid_request', String(caught))
        }
    }),
    { numRuns: 3000 },
  )
})

test('times of any ms are written as exact nanoseconds', () => {
  const writer = new ProtoWriter()
  fc.assert(
    fc.property(time, fc.nat(3e9), (fraction, whole) => {
      for (const ms of [fraction, whole, whole * 1000]) {
        writer.nanos(1, ms)
        const bytes = writer.finish()
        const expected = BigInt(Math.floor(ms)) * 1_000_000n + BigInt(Math.round((ms % 1) * 1e6))
        assert.equal(Buffer.from(bytes).readBigUInt64LE(1), expected)
        const reader = new ProtoReader(bytes)
        reader.next()
        assert.equal(reader.nanos(), ms)
      }
    }),
  )
})

/** The example with the flag our encoder adds: whether the parent is remote is known. */
function flagged(text: string): unknown {
  return normal(
    JSON.parse(text, (key, inner: unknown) =>
      key === 'spans' ? (inner as object[]).map((one) => ({ ...one, flags: 0x100 })) : inner,
    ),
  )
}

/** Null prototypes made ordinary, typed arrays and infinities made plain, for comparison. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, inner: unknown) =>
      inner instanceof Uint8Array
        ? { bytes: [...inner] }
        : typeof inner === 'number' && !Number.isFinite(inner)
          ? `${inner}`
          : inner,
    ),
  )
}
