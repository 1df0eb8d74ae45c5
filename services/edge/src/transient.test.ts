import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { Fill } from './fill.ts'
import { plain, startTestEdge } from './test-edge.ts'
import { crowdedLagBytesMax, lagBytesMax, Transient } from './transient.ts'

/** A fill on an origin that says whether it is held back. */
function fillOn(transient: Transient): { fill: Fill; paused: () => boolean } {
  let held = false
  const fill = new Fill(transient)
  fill.attach({
    pause: () => (held = true),
    resume: () => (held = false),
    abort: () => fill.fail(new Error('aborted') as never),
  })
  return { fill, paused: () => held }
}

test('a body that fits the transient memory exactly is stored, one byte more passes', async () => {
  for (const [bytes, stored] of [
    [99_999, true],
    [100_000, true],
    [100_001, false],
  ] as const) {
    const it = await startTestEdge(plain('x'.repeat(bytes), { 'cache-control': 'max-age=60' }), {
      transientBytesMax: 100_000,
    })
    assert.equal((await it.get('/one')).body.length, bytes)
    const again = await it.get('/one')
    assert.equal(again.headers['cache-status']?.startsWith('spate; hit'), stored, `${bytes} bytes`)
    assert.equal(it.edge.transfers.transient.bytes, 0)
    await it.stop()
  }
})

test('a passing body leads its reader by so much, and by less where it is crowded', () => {
  for (const crowded of [false, true]) {
    const transient = new Transient(() => 16 * lagBytesMax)
    if (crowded) transient.bytes = 8 * lagBytesMax
    const lag = crowded ? crowdedLagBytesMax : lagBytesMax
    const { fill, paused } = fillOn(transient)
    const reader = fill.reader()
    fill.release()
    fill.push(new Uint8Array(lag - 1))
    assert.equal(paused(), false)
    fill.push(new Uint8Array(1))
    assert.equal(paused(), false)
    fill.push(new Uint8Array(1))
    assert.equal(paused(), true)
    void reader.return?.()
    assert.equal(transient.bytes, crowded ? 8 * lagBytesMax : 0)
  }
})

test('a body goes to disk to its end however crowded it is', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spate-crowded-'))
  const MiB = 1024 ** 2
  const limits = { diskBytes: 64 * MiB, memoryBytesMax: MiB, transientBytesMax: MiB / 2 }
  const body = 'x'.repeat(3 * MiB + 50_001)
  const answer = plain(body, { 'cache-control': 'max-age=60' })
  const it = await startTestEdge(answer, limits, noTelemetry, folder)
  it.edge.transfers.transient.bytes = MiB
  assert.equal((await it.get('/large')).body, body)
  assert.match((await it.get('/large')).headers['cache-status'] ?? '', /^spate; hit;.*detail=disk/)
  assert.equal(it.edge.transfers.transient.bytes, MiB)
  await it.stop()
  await rm(folder, { recursive: true, force: true })
})

test('a whole body counts until its last reader is done, or has gone', async () => {
  const transient = new Transient(() => 1000)
  const { fill } = fillOn(transient)
  fill.keep()
  const gone = new AbortController()
  const [slow, left] = [fill.reader(), fill.reader(gone.signal)]
  fill.release()
  for (let at = 0; at < 10; at++) fill.push(new Uint8Array(100))
  assert.deepEqual([transient.takes(0), transient.takes(1)], [true, false])
  fill.onKept = () => true
  fill.end()
  gone.abort()
  assert.equal(transient.bytes, 1000)
  assert.equal((await left.next()).value?.length, 100, 'what is there may be read')
  let read = 0
  for await (const chunk of slow) read += chunk.length
  assert.deepEqual([read, transient.bytes], [1000, 0])
})

test('a body nobody reads does not count once it is over', () => {
  const transient = new Transient(() => 1000)
  for (const end of [(fill: Fill) => fill.end(), (fill: Fill) => fill.abort()]) {
    const { fill } = fillOn(transient)
    fill.keep()
    fill.release()
    fill.push(new Uint8Array(100))
    assert.equal(transient.bytes, 100)
    end(fill)
    assert.equal(transient.bytes, 0)
  }
})
