import assert from 'node:assert/strict'
import { connect } from 'node:http2'
import { test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { LogData, MetricData } from './model.ts'
import type { SpanRecord } from '../span-record.ts'
import { attributesReadMax, elementsReadMax, itemsMax } from './decode-values.ts'
import { encodeLogs } from './encode-logs.ts'
import { encodeMetrics } from './encode-metrics.ts'
import { encodeTraces } from './encode-traces.ts'
import { startReceiver } from './receiver.ts'

const scope = { name: 'test' }
const resource = { 'service.name': 'poison' }

function span(attributes: SpanRecord['attributes']): SpanRecord {
  return {
    traceId: 'ab'.repeat(16),
    spanId: 'cd'.repeat(8),
    parentSpanId: '',
    traceState: '',
    flags: 1,
    remoteParent: false,
    name: 'work',
    kind: 1,
    startMs: 1,
    endMs: 2,
    attributes,
    droppedAttributes: 0,
    events: [],
    droppedEvents: 0,
    links: [],
    droppedLinks: 0,
    status: { code: 0 },
    service: 'poison',
    resource,
    scope,
  }
}

const record: LogData = {
  timeMs: 1,
  observedMs: 1,
  severity: 9,
  severityText: 'INFO',
  body: 'text',
  attributes: { a: 1 },
  traceId: '',
  spanId: '',
  flags: 0,
  eventName: '',
  resource,
  scope,
}

const gauge: MetricData = {
  name: 'g',
  unit: '1',
  description: '',
  resource,
  scope,
  kind: 'gauge',
  points: [{ attributes: { a: 1 }, startMs: 1, timeMs: 2, value: 3, exemplars: [] }],
}

async function stage(t: TestContext) {
  const spans: SpanRecord[] = []
  const receiver = await startReceiver({
    httpPort: 0,
    grpcPort: 0,
    sinks: {
      spans: (some) => {
        for (const each of some) spans.push(each)
      },
      metrics: () => {},
      logs: () => {},
    },
  })
  t.after(() => receiver.close())
  const post = async (
    signal: string,
    body: Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${receiver.httpPort}/v1/${signal}`, {
      method: 'POST',
      body: Buffer.from(body),
      headers: { 'content-type': 'application/x-protobuf', ...headers },
    })
    await answer.arrayBuffer()
    return answer.status
  }
  return { receiver, spans, post }
}

test('messages that are cut, changed or of wrong wire types are answered 200, 400 or 413, and it goes on', async (t) => {
  const { post, spans } = await stage(t)
  const whole = {
    traces: Buffer.from(encodeTraces([span({ a: 'b', n: 1, list: [1, 2] })])),
    metrics: Buffer.from(encodeMetrics([gauge])),
    logs: Buffer.from(encodeLogs([record])),
  }
  const signals = ['traces', 'metrics', 'logs'] as const
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...signals),
      fc.nat(400),
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }),
      async (signal, cut, changes) => {
        const bytes = Buffer.from(
          whole[signal].subarray(0, Math.max(1, whole[signal].length - cut)),
        )
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        assert.ok([200, 400, 413].includes(await post(signal, bytes)))
      },
    ),
    { numRuns: 150 },
  )
  spans.length = 0
  for (const signal of signals) assert.equal(await post(signal, whole[signal]), 200)
  assert.equal(spans.length, 1)
})

/** A field of bytes: tag, length, content. */
function field(number: number, content: Uint8Array): Buffer {
  const head = [number * 8 + 2]
  for (let rest = content.length; ; rest = Math.floor(rest / 128)) {
    head.push(rest >= 128 ? (rest % 128) + 128 : rest)
    if (rest < 128) break
  }
  return Buffer.concat([Buffer.from(head), content])
}

test('a million attributes, or elements of an array, are read up to the limit and counted', async (t) => {
  const { post, spans } = await stage(t)
  const attribute = field(9, field(1, Buffer.from('k')))
  const made = (count: number): Buffer =>
    field(1, field(2, field(2, Buffer.alloc(count * attribute.length, attribute))))
  for (const [count, dropped] of [
    [attributesReadMax - 1, 0],
    [attributesReadMax, 0],
    [attributesReadMax + 1, 1],
    [1_000_000, 1_000_000 - attributesReadMax],
  ] as const) {
    spans.length = 0
    assert.equal(await post('traces', gzipSync(made(count)), { 'content-encoding': 'gzip' }), 200)
    assert.equal(spans[0]?.droppedAttributes, dropped)
  }
  const element = field(1, field(1, Buffer.from('e')))
  const list = field(5, Buffer.alloc(100_000 * element.length, element))
  const pair = Buffer.concat([field(1, Buffer.from('list')), field(2, list)])
  spans.length = 0
  assert.equal(await post('traces', field(1, field(2, field(2, field(9, pair))))), 200)
  const read = spans[0]?.attributes['list']
  assert.equal(Array.isArray(read) && read.length, elementsReadMax)
})

test('more items than a request may have are refused, however few bytes they take', async (t) => {
  const { post, spans } = await stage(t)
  const empty = field(2, Buffer.alloc(0))
  // One of the items is the scope around them.
  for (const [count, status] of [
    [itemsMax - 2, 200],
    [itemsMax - 1, 200],
    [itemsMax, 413],
  ] as const) {
    spans.length = 0
    const body = field(1, field(2, Buffer.alloc(count * empty.length, empty)))
    assert.equal(await post('traces', body), status)
    assert.equal(spans.length, status === 200 ? count : 0)
  }
  const points = field(5, Buffer.alloc(2 * itemsMax, field(1, Buffer.alloc(0))))
  assert.equal(await post('metrics', field(1, field(2, field(2, points)))), 413)
})

test('headers of a megabyte are refused on both ports, and both go on', async (t) => {
  const { receiver, post } = await stage(t)
  const huge = 'x'.repeat(1_000_000)
  await post('traces', Buffer.alloc(0), { 'x-huge': huge }).then(
    (status) => assert.equal(status, 431),
    // The connection may be cut while we still write.
    (caught: unknown) => assert.ok(caught instanceof TypeError),
  )
  assert.equal(await post('traces', encodeTraces([span({})])), 200)
  const call = (headers: Record<string, string>): Promise<string> =>
    new Promise((resolve) => {
      const session = connect(`http://127.0.0.1:${receiver.grpcPort}`)
      const end = (how: string): void => {
        session.destroy()
        resolve(how)
      }
      session.on('error', () => end('cut'))
      const stream = session.request({
        ':method': 'POST',
        ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      })
      stream.on('error', () => end('cut'))
      stream.on('trailers', (trailers) => end(`status ${String(trailers['grpc-status'])}`))
      stream.on('response', (head) => {
        if (head['grpc-status'] !== undefined) end(`status ${String(head['grpc-status'])}`)
      })
      stream.resume()
      stream.end(Buffer.alloc(5))
    })
  assert.notEqual(await call({ 'x-huge': huge }), 'status 0')
  assert.equal(await call({}), 'status 0')
})
