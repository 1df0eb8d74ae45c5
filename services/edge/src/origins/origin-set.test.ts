import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OriginSet } from './origin-set.ts'
import { plain, startOrigin, startTestEdge } from '../test-edge.ts'

test('a dead origin is taken out after its failures, probed once, and taken back', async () => {
  const second = await startOrigin(plain('ok', { 'cache-control': 'no-store' }))
  const it = await startTestEdge(plain('ok', { 'cache-control': 'no-store' }), {
    origins: [second.url],
    breakerFailuresMax: 3,
    breakerOpenMs: 5000,
  })
  const wave = async (): Promise<number> => {
    let errors = 0
    for (let at = 0; at < 40; at++) if ((await it.get(`/${at}`)).status !== 200) errors++
    return errors
  }
  assert.equal(await wave(), 0)
  assert.ok(it.origin.requests.length > 5 && second.requests.length > 5, 'both are used')
  it.origin.answer = (request) => request.socket.destroy()
  const before = it.origin.requests.length
  assert.equal(await wave(), 0, 'nobody sees an error while another origin is healthy')
  assert.equal(it.origin.requests.length - before, 3, 'three failures open the breaker')
  assert.equal(await wave(), 0)
  assert.equal(it.origin.requests.length - before, 3)
  it.clock.advance(5000)
  assert.equal(await wave(), 0)
  assert.equal(it.origin.requests.length - before, 4, 'one probe, then open again')
  it.origin.answer = plain('ok', { 'cache-control': 'no-store' })
  it.clock.advance(5000)
  assert.equal(await wave(), 0)
  assert.ok(it.origin.requests.length - before > 8, 'closed again')
  await it.stop()
  await second.stop()
})

test('a POST is never sent twice', async () => {
  const second = await startOrigin(plain('ok'))
  const it = await startTestEdge((request) => request.socket.destroy(), { origins: [second.url] })
  second.answer = (request) => request.socket.destroy()
  assert.equal((await it.get('/p', {}, 'POST')).status, 502)
  assert.equal(it.origin.requests.length + second.requests.length, 1)
  await it.stop()
  await second.stop()
})

test('when one of five origins leaves, only its keys move', () => {
  const nothing = {
    send: () => ({ pause() {}, resume() {}, abort() {} }),
    close: () => Promise.resolve(),
  }
  const set = (names: readonly string[]): OriginSet =>
    new OriginSet(
      names.map((name) => ({ name, origin: nothing })),
      { failuresMax: 5, openMs: 1 },
      () => 0,
    )
  const five = set(['a', 'b', 'c', 'd', 'e'])
  const four = set(['a', 'b', 'c', 'd'])
  let moved = 0
  for (let at = 0; at < 10_000; at++) {
    const before = five.ranked(`k${at}`)[0]?.name
    const after = four.ranked(`k${at}`)[0]?.name
    if (before !== 'e') assert.equal(after, before)
    if (after !== before) moved++
  }
  assert.ok(moved > 1500 && moved < 2500, `${moved} of 10000, a fifth wanted`)
})
