import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { request as send } from 'undici'
import { plain, startTestEdge } from './test-edge.ts'

test('a thousand clients of one cold object cause one request to the origin', async () => {
  const it = await startTestEdge((_, response) => {
    setTimeout(() => plain('cold', { 'cache-control': 'max-age=60' })(_, response), 200)
  })
  const seen = await Promise.all(Array.from({ length: 1000 }, () => it.get('/cold')))
  assert.equal(it.origin.requests.length, 1)
  assert.equal(seen.filter(({ status, body }) => status === 200 && body === 'cold').length, 1000)
  const collapsed = seen.filter(({ headers }) => /; collapsed/.test(headers['cache-status'] ?? ''))
  assert.equal(collapsed.length + 1, 1000)
  await it.stop()
})

test('a client that joins a body on its way gets its first byte at once', async () => {
  const finish: (() => void)[] = []
  const it = await startTestEdge((_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': '6' })
    response.write('abc')
    finish.push(() => response.end('def'))
  })
  const leader = await send(`${it.url}/s`)
  const joiner = await send(`${it.url}/s`)
  const [first] = await Promise.all([joiner.body[Symbol.asyncIterator]().next(), pause(1)])
  assert.equal(String(first.value), 'abc', 'before the origin sent the rest')
  assert.equal(it.origin.requests.length, 1)
  finish[0]?.()
  assert.equal(await leader.body.text(), 'abcdef')
  joiner.body.destroy()
  await it.stop()
})

test('waiters for an answer that is not for all go on at once, and later waves do not wait', async () => {
  const started: number[] = []
  const it = await startTestEdge((_, response) => {
    started.push(performance.now())
    setTimeout(() => plain('mine', { 'cache-control': 'private' })(_, response), 100)
  })
  await Promise.all(Array.from({ length: 20 }, () => it.get('/u')))
  assert.equal(it.origin.requests.length, 20)
  const before = it.edge.statistics.collapsed
  await Promise.all(Array.from({ length: 20 }, () => it.get('/u')))
  assert.equal(it.edge.statistics.collapsed, before, 'hit-for-miss: nobody waited')
  assert.equal(it.origin.requests.length, 40)
  it.clock.advance(121_000)
  it.origin.answer = plain('ours', { 'cache-control': 'max-age=60' })
  await Promise.all(Array.from({ length: 20 }, () => it.get('/u')))
  assert.equal(it.origin.requests.length, 41, 'forgotten after a while')
  await it.stop()
})

test("waiters whose Vary differs do not get the leader's variant", async () => {
  const it = await startTestEdge((request, response) => {
    setTimeout(() => {
      const kind = String(request.headers['x-kind'])
      plain(kind, { 'cache-control': 'max-age=60', vary: 'x-kind' })(request, response)
    }, 50)
  })
  const kinds = Array.from({ length: 30 }, (_, at) => `k${at % 3}`)
  const seen = await Promise.all(kinds.map((kind) => it.get('/v', { 'x-kind': kind })))
  assert.deepEqual(
    seen.map(({ body }) => body),
    kinds,
  )
  assert.equal(it.origin.requests.length, 3)
  await it.stop()
})

test('a client that goes away does not end a fill that others or the store wait for', async () => {
  const finish: (() => void)[] = []
  const it = await startTestEdge((_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' })
    response.write('first ')
    finish.push(() => response.end('last'))
  })
  const leader = await send(`${it.url}/s`)
  leader.body.on('error', () => {})
  leader.body.destroy()
  await pause(20)
  const second = send(`${it.url}/s`)
  await pause(20)
  finish[0]?.()
  assert.equal(await (await second).body.text(), 'first last')
  assert.match((await it.get('/s')).headers['cache-status'] ?? '', /hit/)
  assert.equal(it.origin.requests.length, 1)
  await it.stop()
})

test('an uncacheable body nobody reads any more is let go', async () => {
  const closed: number[] = []
  const it = await startTestEdge((_, response) => {
    response.writeHead(200, { 'cache-control': 'no-store' })
    const drip = setInterval(() => response.write('x'), 5)
    response.on('close', () => {
      clearInterval(drip)
      closed.push(1)
    })
  })
  const answer = await send(`${it.url}/n`)
  answer.body.on('error', () => {})
  answer.body.destroy()
  for (let tries = 0; closed.length === 0 && tries < 200; tries++) await pause(10)
  assert.equal(closed.length, 1)
  assert.equal(it.edge.transfers.size, 0)
  await it.stop()
})

test('bodies on their way in are bounded: above the bound they pass unstored', async () => {
  const body = 'x'.repeat(200_000)
  const it = await startTestEdge(plain(body, { 'cache-control': 'max-age=60' }), {
    transientBytesMax: 100_000,
  })
  assert.equal((await it.get('/big')).body.length, body.length)
  assert.equal(it.edge.store.memory.figures.objects, 0)
  assert.equal(it.edge.transfers.transient.bytes, 0)
  await it.stop()
})
