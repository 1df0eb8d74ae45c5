import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { SeededChance } from '@spate/runtime/chance'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { createTelemetry } from '../telemetry.ts'
import { decodeTraces } from './decode-traces.ts'
import { createOtlpExporter } from './exporter.ts'

/** Spans a second of the ten minutes; 1000 is the figure that is promised, fewer are quicker. */
const spansPerSecond = Number(process.env['SPATE_PROOF_SPANS'] ?? 50)

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'spate-outage-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A receiver whose answers are set from outside: 200, 503, or none at all. */
async function scripted(t: TestContext, port = 0) {
  const counts = new Map<number, number>()
  const state = { answer: 200 as 200 | 503 | 'none', counts, latestMs: 0, port: 0 }
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      if (state.answer === 'none') return
      response.writeHead(state.answer)
      response.end()
      if (state.answer !== 200 || request.url !== '/v1/traces') return
      for (const span of decodeTraces(gunzipSync(Buffer.concat(parts)))) {
        const serial = Number(span.attributes['count'])
        counts.set(serial, (counts.get(serial) ?? 0) + 1)
        state.latestMs = Math.max(state.latestMs, span.startMs)
      }
    })
  }).listen(port, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  state.port = (server.address() as AddressInfo).port
  return state
}

async function outage(t: TestContext, spillBytes: number) {
  const receiver = await scripted(t)
  receiver.answer = 503
  const clock = new VirtualClock()
  const exporter = await createOtlpExporter({
    url: `http://127.0.0.1:${receiver.port}`,
    protocol: 'http/protobuf',
    clock,
    chance: new SeededChance(1),
    spillFolder: folderOf(t),
    spillBytes,
  })
  const telemetry = createTelemetry({
    serviceName: 'outage',
    clock,
    chance: new SeededChance(2),
    exporters: [exporter],
    sampling: { strategy: 'fixed', rate: 1 },
  })
  let produced = 0
  for (let second = 0; second < 600; second++) {
    for (let at = 0; at < spansPerSecond; at++)
      telemetry.tracer.startSpan('work', { attributes: { count: produced++ } }).end()
    await clock.advanceAsync(1000)
    // A second passes in a few ms here; zlib's threads work in real time.
    while (exporter.posting > spansPerSecond) await pause(1)
  }
  assert.equal(receiver.counts.size, 0)
  assert.equal(exporter.down, true)
  receiver.answer = 200
  const lost = (): number =>
    Object.values(exporter.counters.dropped.traces).reduce((sum, count) => sum + count, 0)
  const turnsMax = 1000 + 2 * spansPerSecond
  for (let turn = 0; turn < turnsMax; turn++) {
    if (exporter.counters.accepted.traces + lost() >= produced) break
    await clock.advanceAsync(5000)
    await pause(2)
  }
  await telemetry.shutdown()
  return { exporter, receiver, produced, lost: lost() }
}

test('ten minutes without a receiver lose nothing below the disk limit', async (t) => {
  const { exporter, receiver, produced, lost } = await outage(t, 256 * 1024 ** 2)
  assert.equal(produced, 600 * spansPerSecond)
  assert.equal(receiver.counts.size, produced, 'each span arrived')
  assert.equal(lost, 0)
  assert.deepEqual(exporter.counters.rejected, { traces: 0, metrics: 0, logs: 0 })
  assert.ok(exporter.counters.retries.traces > 10, 'it did try')
})

test('past the disk limit what is lost is what is counted: produced less received', async (t) => {
  const { receiver, produced, lost } = await outage(t, 100_000)
  assert.ok(lost > 0 && receiver.counts.size > 0)
  assert.equal(lost, produced - receiver.counts.size)
  const oldest = Math.min(...receiver.counts.keys())
  assert.ok(oldest > 0, 'the oldest went first')
})

/** Makes numbered spans until it is stopped; tells the last number made. */
const producer = `
import { createOtlpExporter } from ${JSON.stringify(import.meta.resolve('./exporter.ts'))}
import { createTelemetry } from ${JSON.stringify(import.meta.resolve('../telemetry.ts'))}
const [url, spillFolder, protocol] = process.argv.slice(1)
const exporter = await createOtlpExporter({ url, protocol, spillFolder, spanDelayMs: 1000 })
const telemetry = createTelemetry({
  serviceName: 'producer', exporters: [exporter], sampling: { strategy: 'fixed', rate: 1 },
})
let count = 0
const timer = setInterval(() => {
  for (let at = 0; at < 20; at++)
    telemetry.tracer.startSpan('work', { attributes: { count: count++ } }).end()
  process.stdout.write(count + ' ' + Date.now() + '\\n')
}, 20)
process.on('SIGTERM', async () => {
  clearInterval(timer)
  await telemetry.shutdown(AbortSignal.timeout(4000))
  process.exit(0)
})
`

interface Producer {
  /** Spans made, and when the last was, wall ms, as far as it was told. */
  readonly told: { count: number; atMs: number }
  /** Sends `signal`; resolves to the exit code and to how long it took, ms. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<{ code: number | null; tookMs: number }>
}

function produce(t: TestContext, url: string, folder: string, protocol: string): Producer {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', producer, url, folder, protocol],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  t.after(() => child.kill('SIGKILL'))
  const told = { count: 0, atMs: 0 }
  child.stdout.on('data', (piece: Buffer) => {
    const line = piece.toString().trimEnd().split('\n').at(-1) ?? ''
    const [count, atMs] = line.split(' ').map(Number)
    if (count !== undefined && atMs !== undefined) Object.assign(told, { count, atMs })
  })
  return {
    told,
    async end(signal) {
      const sentMs = performance.now()
      child.kill(signal)
      return { code: await ended, tookMs: performance.now() - sentMs }
    },
  }
}

async function madeAtLeast(producing: Producer, count: number): Promise<void> {
  for (let turn = 0; turn < 600 && producing.told.count < count; turn++) await pause(50)
  assert.ok(producing.told.count >= count, `only ${producing.told.count} spans were made`)
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** What another process finds in the folder and delivers. */
async function delivered(t: TestContext, folder: string, port: number) {
  const receiver = await scripted(t, port)
  const exporter = await createOtlpExporter({
    url: `http://127.0.0.1:${port}`,
    protocol: 'http/protobuf',
    spillFolder: folder,
  })
  for (let turn = 0; turn < 400 && exporter.spilledBytes > 0; turn++) await pause(50)
  await exporter.shutdown()
  return receiver
}

test('killed in an outage, a process loses at most what it made in its last second', async (t) => {
  const folder = folderOf(t)
  const port = await freePort()
  const producing = produce(t, `http://127.0.0.1:${port}`, folder, 'http/protobuf')
  await madeAtLeast(producing, 4000)
  await producing.end('SIGKILL')
  const receiver = await delivered(t, folder, port)
  assert.ok(receiver.counts.size > 0)
  const newest = Math.max(...receiver.counts.keys())
  assert.equal(receiver.counts.size, newest + 1, 'up to there none is missing')
  const lostMs = producing.told.atMs - receiver.latestMs
  t.diagnostic(
    `${producing.told.count} made, ${producing.told.count - newest - 1} of the last ${lostMs.toFixed(0)} ms lost`,
  )
  // A second by the timer, and what a busy machine adds to it.
  assert.ok(lostMs < 2000, `spans of ${lostMs} ms were lost`)
})

for (const protocol of ['http/protobuf', 'grpc'] as const)
  test(`SIGTERM while the receiver hangs: all is on disk within five seconds (${protocol})`, async (t) => {
    const folder = folderOf(t)
    const hanging = createTcpServer((socket) => void socket.on('error', () => {})).listen(
      0,
      '127.0.0.1',
    )
    await new Promise((resolve) => hanging.once('listening', resolve))
    t.after(() => hanging.close())
    const { port } = hanging.address() as AddressInfo
    const producing = produce(t, `http://127.0.0.1:${port}`, folder, protocol)
    await madeAtLeast(producing, 3000)
    const { code, tookMs } = await producing.end('SIGTERM')
    assert.equal(code, 0)
    t.diagnostic(`ended after ${tookMs.toFixed(0)} ms`)
    assert.ok(tookMs < 8000, `it took ${tookMs} ms`)
    const receiver = await delivered(t, folder, await freePort())
    assert.equal(receiver.counts.size, producing.told.count)
  })

test('SIGTERM under load: everything is sent before the process ends', async (t) => {
  const receiver = await scripted(t)
  const url = `http://127.0.0.1:${receiver.port}`
  const producing = produce(t, url, folderOf(t), 'http/protobuf')
  await madeAtLeast(producing, 3000)
  const { code } = await producing.end('SIGTERM')
  assert.equal(code, 0)
  assert.equal(receiver.counts.size, producing.told.count)
})
