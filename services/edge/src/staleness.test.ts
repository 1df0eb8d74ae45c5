import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { plain, startTestEdge, type OriginAnswer, type TestEdge } from './test-edge.ts'

async function settled(it: TestEdge): Promise<void> {
  for (let tries = 0; it.edge.transfers.size > 0 && tries < 200; tries++) await pause(5)
}

test('stale-while-revalidate answers at once and fetches once in the background (RFC 5861 3)', async () => {
  let version = 1
  const waveOver = Promise.withResolvers<void>()
  const it = await startTestEdge((request, response) => {
    const headers = { 'cache-control': 'max-age=10, stale-while-revalidate=60' }
    const answer = (): void => plain(`v${version}`, headers)(request, response)
    if (version === 1) answer()
    else void waveOver.promise.then(answer)
  })
  await it.get('/a')
  version = 2
  it.clock.advance(11_000)
  const wave = await Promise.all(Array.from({ length: 50 }, () => it.get('/a')))
  assert.deepEqual(new Set(wave.map(({ body }) => body)), new Set(['v1']))
  assert.match(
    wave[0]?.headers['cache-status'] ?? '',
    /hit; ttl=-1; .*detail=stale-while-revalidate/,
  )
  waveOver.resolve()
  await settled(it)
  assert.equal(it.origin.requests.length, 2)
  assert.equal((await it.get('/a')).body, 'v2')
  it.clock.advance(71_000)
  assert.match((await it.get('/a')).headers['cache-status'] ?? '', /fwd=stale/, 'past its window')
  await it.stop()
})

const failures: readonly (readonly [string, OriginAnswer])[] = [
  ['answers 503', plain('down', {}, 503)],
  ['resets', (request) => request.socket.destroy()],
]

for (const [name, fail] of failures) {
  test(`an origin that ${name} is asked once a back-off step while stale-if-error holds (RFC 5861 4)`, async () => {
    const it = await startTestEdge(
      plain('good', { 'cache-control': 'max-age=1, stale-if-error=600' }),
    )
    await it.get('/a')
    it.origin.answer = fail
    it.clock.advance(2000)
    for (const [stepMs, asked] of [
      [1000, 2],
      [2000, 3],
      [4000, 4],
      [8000, 5],
    ] as const) {
      for (let turn = 0; turn < 10; turn++) {
        const seen = await it.get('/a')
        assert.deepEqual([seen.status, seen.body], [200, 'good'])
        assert.match(seen.headers['cache-status'] ?? '', /detail=stale-if-error/)
      }
      assert.equal(it.origin.requests.length, asked)
      it.clock.advance(stepMs + 1)
    }
    it.origin.answer = plain('better', { 'cache-control': 'max-age=60' })
    it.clock.advance(30_000)
    assert.equal((await it.get('/a')).body, 'better')
    await it.stop()
  })
}

test('stale-if-error ends with its window', async () => {
  const it = await startTestEdge(plain('good', { 'cache-control': 'max-age=1, stale-if-error=10' }))
  await it.get('/a')
  it.origin.answer = plain('down', {}, 503)
  it.clock.advance(10_000)
  assert.equal((await it.get('/a')).status, 200)
  it.clock.advance(1001)
  assert.equal((await it.get('/a')).status, 503)
  await it.stop()
})

test('without stale-if-error a 503 passes, and only an origin out of reach may be stood in for', async () => {
  const it = await startTestEdge(plain('good', { 'cache-control': 'max-age=1' }))
  await it.get('/a')
  await it.get('/b')
  it.clock.advance(2000)
  it.origin.answer = plain('down', {}, 503)
  assert.equal((await it.get('/a')).status, 503)
  it.origin.answer = (request) => request.socket.destroy()
  assert.equal((await it.get('/b')).status, 200, 'RFC 9111 4.2.4: disconnected')
  it.clock.advance(120_000)
  assert.equal((await it.get('/b')).status, 502)
  await it.stop()
})

test('must-revalidate gives an error rather than a stale answer (RFC 9111 5.2.2.2)', async () => {
  const it = await startTestEdge(
    plain('good', { 'cache-control': 'max-age=1, must-revalidate, stale-if-error=600' }),
  )
  await it.get('/a')
  it.origin.answer = (request) => request.socket.destroy()
  it.clock.advance(2000)
  const seen = await it.get('/a')
  assert.equal(seen.status, 502)
  assert.equal(seen.headers['content-type'], 'application/problem+json')
  await it.stop()
})
