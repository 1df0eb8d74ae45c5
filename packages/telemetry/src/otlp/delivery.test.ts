import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { SeededChance } from '@spate/runtime/chance'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { silentLog } from '@spate/runtime/log'
import { createTelemetry } from '../telemetry.ts'
import type { SpanRecord } from '../span-record.ts'
import { Delivery } from './delivery.ts'
import { createOtlpExporter } from './exporter.ts'
import { retryDelayMs } from './grpc-transport.ts'
import { createHttpTransport } from './http-transport.ts'
import type { MetricData } from './model.ts'
import { startReceiver } from './receiver.ts'
import { Spill } from './spill.ts'
import { retryAfterMs, type Sent, type Transport } from './transport.ts'
import { systemClock } from '@spate/runtime/clock'

const parcel = (count: number, bytes = 100) => ({
  signal: 'traces' as const,
  format: 'protobuf' as const,
  count,
  body: new Uint8Array(bytes).fill(count),
})

function folderOf(t: { after(task: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'spate-spill-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

for (const protocol of ['grpc', 'http/protobuf', 'http/json'] as const)
  test(`spans and metrics arrive whole over ${protocol}`, async (t) => {
    const spans: SpanRecord[] = []
    const metrics: MetricData[] = []
    const receiver = await startReceiver({
      grpcPort: 0,
      httpPort: 0,
      sinks: { spans: (some) => spans.push(...some), metrics: (some) => metrics.push(...some) },
    })
    t.after(() => receiver.close())
    const port = protocol === 'grpc' ? receiver.grpcPort : receiver.httpPort
    const exporter = await createOtlpExporter({ url: `http://127.0.0.1:${port}`, protocol })
    const telemetry = createTelemetry({
      serviceName: 'test',
      exporters: [exporter],
      sampling: { strategy: 'fixed', rate: 1 },
    })
    for (let at = 0; at < 2500; at++)
      telemetry.tracer.startSpan('work', { attributes: { count: at } }).end()
    await telemetry.shutdown()
    assert.equal(spans.length, 2500)
    assert.deepEqual(
      spans.map((span) => Number(span.attributes['count'])).sort((a, b) => a - b),
      Array.from({ length: 2500 }, (_, at) => at),
    )
    assert.equal(spans[0]?.service, 'test')
    assert.equal(spans[0]?.traceState, 'ot=th:0')
    const tasks = metrics.find(({ name }) => name === 'spate.task.duration')
    assert.equal(tasks?.kind === 'exponential' && tasks.points[0]?.count, 2500)
    assert.equal(exporter.counters.accepted.traces, 2500)
    assert.equal(exporter.counters.rejected.traces, 0)
  })

test('while the receiver is away everything goes to disk, and all of it arrives when it is back', async (t) => {
  const clock = new VirtualClock()
  const spill = await Spill.open({ folder: folderOf(t), bytesMax: 1024 ** 2, log: silentLog })
  let away = true
  const received: number[] = []
  const transport: Transport = {
    format: 'protobuf',
    send: async (_signal, body): Promise<Sent> => {
      if (away) return { kind: 'retry', afterMs: undefined, text: 'away' }
      received.push(body[0] as number)
      return { kind: 'accepted', rejected: 0, message: '' }
    },
    close: () => {},
  }
  const delivery = new Delivery({
    transport,
    clock,
    chance: new SeededChance(1),
    log: silentLog,
    queueBytes: 1e6,
    timeoutMs: 1000,
    spill,
  })
  for (let at = 1; at <= 100; at++) delivery.push(parcel(at))
  await delivery.settled()
  await clock.advanceAsync(600_000)
  assert.equal(spill.size, 100)
  assert.equal(received.length, 0)
  away = false
  for (let turn = 0; turn < 100 && spill.size > 0; turn++) await clock.advanceAsync(60_000)
  await delivery.settled()
  assert.deepEqual(
    [...received].sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, at) => at + 1),
  )
  assert.equal(delivery.counters.accepted.traces, 5050)
  assert.deepEqual(delivery.counters.dropped.traces, {})
  await delivery.close()
})

test('what a process left on disk is sent by the next one, and what it sent is not sent again', async (t) => {
  const options = { folder: folderOf(t), bytesMax: 1024 ** 2, log: silentLog }
  const first = await Spill.open(options)
  for (let at = 1; at <= 5; at++) await first.write(parcel(at))
  assert.equal((await first.oldest())?.count, 1)
  first.sent()
  await first.close()
  const second = await Spill.open(options)
  assert.equal(second.size, 4)
  assert.equal((await second.oldest())?.count, 2)
  await second.close()
})

test('past its limit the disk gives up the oldest and counts it', async (t) => {
  const spill = await Spill.open({ folder: folderOf(t), bytesMax: 1100, log: silentLog })
  let dropped = 0
  spill.onDrop = ({ count }) => (dropped += count)
  for (let at = 1; at <= 11; at++) await spill.write(parcel(at))
  assert.equal(spill.bytes <= 1100, true)
  assert.equal(dropped, 1)
  assert.equal((await spill.oldest())?.count, 2)
  await spill.close()
})

test('without a disk the queue stays within its bytes and drops are counted', async () => {
  const transport: Transport = {
    format: 'protobuf',
    send: () => Promise.resolve({ kind: 'retry', afterMs: undefined, text: 'away' }),
    close: () => {},
  }
  const delivery = new Delivery({
    transport,
    clock: new VirtualClock(),
    chance: new SeededChance(1),
    log: silentLog,
    queueBytes: 1000,
    timeoutMs: 1,
  })
  for (let at = 0; at < 50; at++) delivery.push(parcel(1))
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(delivery.queueBytes <= 1300)
  await delivery.close()
  const lost = Object.values(delivery.counters.dropped.traces).reduce(
    (sum, count) => sum + count,
    0,
  )
  assert.equal(lost, 50, 'produced minus received is what was counted as dropped')
})

test('answers of an HTTP receiver are understood as the OTLP table says', async (t) => {
  let answer: { status: number; headers?: Record<string, string>; body?: Uint8Array } = {
    status: 200,
  }
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(answer.status, answer.headers)
      response.end(answer.body)
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const transport = createHttpTransport({
    url: `http://127.0.0.1:${port}`,
    format: 'protobuf',
    clock: systemClock,
  })
  t.after(() => transport.close())
  const send = (): Promise<Sent> => transport.send('traces', gzipSync(''), 5000)
  assert.deepEqual(await send(), { kind: 'accepted', rejected: 0, message: '' })
  answer = { status: 200, body: Uint8Array.of(10, 5, 8, 3, 18, 1, 120) }
  assert.deepEqual(await send(), { kind: 'accepted', rejected: 3, message: 'x' })
  for (const status of [429, 502, 503, 504]) {
    answer = { status, headers: { 'retry-after': '7' } }
    assert.deepEqual(await send(), { kind: 'retry', afterMs: 7000, text: `HTTP ${status}` })
  }
  for (const status of [400, 401, 404, 413, 500, 501]) {
    answer = { status }
    assert.deepEqual(await send(), { kind: 'refused', text: `HTTP ${status}` })
  }
  assert.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4000), 6000)
  assert.equal(retryAfterMs('soon', 0), undefined)
})

test('RetryInfo in gRPC status details gives the pause', () => {
  const duration = Buffer.from([8, 2, 16, 0x80, 0xca, 0xb5, 0xee, 0x01])
  const info = Buffer.concat([Buffer.from([10, duration.length]), duration])
  const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo')
  const any = Buffer.concat([
    Buffer.from([10, type.length]),
    type,
    Buffer.from([18, info.length]),
    info,
  ])
  const status = Buffer.concat([Buffer.from([8, 8, 26, any.length]), any])
  assert.equal(retryDelayMs(status.toString('base64')), 2500)
  assert.equal(retryDelayMs('!!!'), undefined)
  assert.equal(retryDelayMs(undefined), undefined)
})

test('the receiver refuses poison with the right code and goes on', async (t) => {
  const receiver = await startReceiver({
    httpPort: 0,
    sinks: {},
    requestBytes: 10_000,
    messageBytes: 100_000,
  })
  t.after(() => receiver.close())
  const url = `http://127.0.0.1:${receiver.httpPort}/v1/traces`
  const post = async (body: Uint8Array, headers: Record<string, string> = {}): Promise<number> => {
    const answer = await fetch(url, {
      method: 'POST',
      body: Buffer.from(body),
      headers: { 'content-type': 'application/x-protobuf', ...headers },
    })
    await answer.arrayBuffer()
    return answer.status
  }
  assert.equal(await post(Uint8Array.of(10, 255, 255, 255, 255, 15)), 400)
  assert.equal(await post(new Uint8Array(10_001)), 413)
  assert.equal(await post(gzipSync(Buffer.alloc(5_000_000)), { 'content-encoding': 'gzip' }), 413)
  assert.equal(await post(Uint8Array.of(1, 2, 3), { 'content-encoding': 'gzip' }), 400)
  assert.equal(await post(new Uint8Array(), { 'content-encoding': 'br' }), 415)
  assert.equal(await post(Buffer.from('[]'), { 'content-type': 'application/json' }), 400)
  assert.equal(await post(Buffer.from('{}'), { 'content-type': 'application/json' }), 200)
  assert.equal((await fetch(`http://127.0.0.1:${receiver.httpPort}/v1/nothing`)).status, 404)
  assert.equal(receiver.counters.accepted, 1)
})
