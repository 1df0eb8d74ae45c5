import assert from 'node:assert/strict'
import { test } from 'node:test'
import { request as send } from 'undici'
import { plain, startTestEdge } from './test-edge.ts'

test('purge by URL, prefix, host, tag and all takes exactly what it names', async () => {
  const it = await startTestEdge((request, response) => {
    const tag = request.url?.split('/')[1] ?? ''
    plain('x', { 'cache-control': 'max-age=600', 'cache-tag': `${tag}, every` })(request, response)
  })
  const fill = async (): Promise<void> => {
    for (const path of ['/a/1', '/a/2', '/b/1']) await it.get(path)
    await it.get('/a/1', { host: 'other.example' })
  }
  const left = (): number => it.edge.store.memory.figures.objects
  await fill()
  assert.equal(await it.purge({ urls: [`${it.url}/a/1`] }), 1)
  assert.equal(left(), 3)
  await fill()
  assert.equal(await it.purge({ prefixes: [`${it.url}/a/`] }), 2)
  await fill()
  assert.equal(await it.purge({ hosts: ['other.example'] }), 1)
  await fill()
  assert.equal(await it.purge({ tags: ['a'] }), 3)
  assert.equal(left(), 1)
  await fill()
  assert.equal(await it.purge({ tags: ['every', 'a'] }), 4)
  await fill()
  assert.equal(await it.purge({ all: true }), 4)
  assert.equal(left(), 0)
  await it.stop()
})

test('a soft purge keeps answers coming while the origin is asked', async () => {
  const it = await startTestEdge(
    plain('old', { 'cache-control': 'max-age=600', 'surrogate-key': 'k' }),
  )
  await it.get('/a')
  it.origin.answer = plain('new', { 'cache-control': 'max-age=600' })
  assert.equal(await it.purge({ tags: ['k'], soft: true }), 1)
  const seen = await it.get('/a')
  assert.equal(seen.body, 'old')
  assert.match(seen.headers['cache-status'] ?? '', /detail=stale-while-revalidate/)
  while (it.edge.transfers.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal((await it.get('/a')).body, 'new')
  await it.stop()
})

for (const order of [
  { tags: ['k'] },
  { all: true },
  { hosts: ['h.example'] },
  { prefixes: ['http://h.example/'] },
  { urls: ['http://h.example/a'] },
])
  test(`a purge by ${Object.keys(order)[0]} that races a fill never brings the old object back`, async () => {
    const finish: (() => void)[] = []
    const it = await startTestEdge((_, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=600', 'cache-tag': 'k' })
      response.write('old ')
      finish.push(() => response.end('object'))
    })
    const waiting = await send(`${it.url}/a`, { headers: { host: 'h.example' } })
    await it.purge(order)
    finish[0]?.()
    assert.equal(await waiting.body.text(), 'old object', 'who waited is served')
    it.origin.answer = plain('new', { 'cache-control': 'max-age=600' })
    assert.equal((await it.get('/a', { host: 'h.example' })).body, 'new')
    await it.stop()
  })

for (const order of [{ urls: ['http://h.example/a'] }, { tags: ['k'] }])
  test(`who asks after a purge by ${Object.keys(order)[0]} has nothing of an answer that was asked for before it`, async () => {
    const answer: (() => void)[] = []
    const it = await startTestEdge((request, response) => {
      const old = plain('old', { 'cache-control': 'max-age=600', 'cache-tag': 'k' })
      answer.push(() => old(request, response))
    })
    const before = it.get('/a', { host: 'h.example' })
    while (answer.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    await it.purge(order)
    it.origin.answer = plain('new', { 'cache-control': 'max-age=600', 'cache-tag': 'k' })
    const after = it.get('/a', { host: 'h.example' })
    await new Promise((resolve) => setTimeout(resolve, 20))
    answer[0]?.()
    assert.equal((await after).body, 'new')
    assert.equal((await before).body, 'old')
    await it.stop()
  })

test('admin calls need the token, and a body without anything to purge is refused', async () => {
  const it = await startTestEdge(plain('x'))
  const call = async (headers: Record<string, string>, body: string): Promise<number> => {
    const answer = await send(`${it.adminUrl}/purge`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
    await answer.body.dump()
    return answer.statusCode
  }
  assert.equal(await call({}, '{"all":true}'), 401)
  assert.equal(await call(it.adminHeaders, '{"soft":true}'), 400)
  assert.equal(await call(it.adminHeaders, '{"all":1}'), 422)
  assert.equal(await call(it.adminHeaders, '{"everything":true}'), 422)
  assert.equal(await call(it.adminHeaders, '{"urls":["/relative"]}'), 422)
  assert.equal(await call(it.adminHeaders, '{"all":true}'), 200)
  await it.stop()
})

test('explain shows the key and the freshness arithmetic', async () => {
  const it = await startTestEdge(plain('x', { 'cache-control': 'max-age=60', age: '10' }))
  await it.get('/e?b=1&a=2')
  it.clock.advance(5000)
  const url = encodeURIComponent(`${it.url}/e?b=1&a=2`)
  const answer = await send(`${it.adminUrl}/explain?url=${url}`, { headers: it.adminHeaders })
  const told = (await answer.body.json()) as { key: string; variants: Record<string, unknown>[] }
  assert.equal(told.key, `${it.url}/e?a=2&b=1`)
  assert.equal(told.variants[0]?.['freshnessLifetime'], 60)
  assert.equal(told.variants[0]?.['currentAge'], 15)
  assert.equal(told.variants[0]?.['fresh'], true)
  await it.stop()
})
