import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseList } from 'structured-headers'
import { plain, startTestEdge } from './test-edge.ts'

const fresh = { 'cache-control': 'max-age=60' }

test('a fresh response is served again without the origin, with Age, Via and Cache-Status', async () => {
  const it = await startTestEdge(plain('hello', fresh))
  const first = await it.get('/a?y=2&x=1')
  it.clock.advance(5000)
  const second = await it.get('/a?x=1&y=2')
  assert.equal(it.origin.requests.length, 1)
  assert.equal(first.body, 'hello')
  assert.match(
    first.headers['cache-status'] ?? '',
    /^spate; fwd=uri-miss; fwd-status=200; ttl=60; stored; key="/,
  )
  assert.equal(second.body, 'hello')
  assert.equal(second.headers['age'], '5')
  assert.match(
    second.headers['cache-status'] ?? '',
    /^spate; hit; ttl=55; key="http:\/\/127.0.0.1:\d+\/a\?x=1&y=2"$/,
  )
  assert.match(second.headers['via'] ?? '', /1\.1 spate/)
  assert.equal(second.headers['date'], first.headers['date'], 'RFC 9110 6.6.1')
  await it.stop()
})

test('every answer carries a Cache-Status that parses and names this cache (RFC 9211)', async () => {
  const it = await startTestEdge(plain('x', { 'cache-status': 'OriginCache; hit; ttl=9' }))
  for (const [path, headers, method] of [
    ['/a', {}, 'GET'],
    ['/a', {}, 'POST'],
    ['/a', { 'cache-control': 'only-if-cached' }, 'GET'],
    ['/a', { range: 'bytes=0-0' }, 'GET'],
    ['/a', {}, 'HEAD'],
  ] as const) {
    const seen = await it.get(path, headers, method)
    const members = parseList(seen.headers['cache-status'] ?? '')
    assert.equal(String(members.at(-1)?.[0]), 'spate', `${method} ${JSON.stringify(headers)}`)
  }
  const { headers } = await it.get('/a')
  assert.match(headers['cache-status'] ?? '', /^OriginCache; hit; ttl=9, spate; fwd=/)
  await it.stop()
})

test('the Host is part of the key, and a strange one is refused before any look-up', async () => {
  const it = await startTestEdge((request, response) => {
    response.writeHead(200, fresh)
    response.end(request.headers.host)
  })
  assert.equal((await it.get('/a', { host: 'one.example' })).body, 'one.example')
  assert.equal((await it.get('/a', { host: 'two.example' })).body, 'two.example')
  assert.equal((await it.get('/a', { host: 'ONE.example' })).body, 'one.example')
  assert.equal(it.origin.requests.length, 2)
  assert.equal((await it.get('/a', { host: 'user@one.example' })).status, 400)
  assert.equal(it.origin.requests.length, 2)
  await it.stop()
})

test('variants are kept side by side and chosen by what Vary names (RFC 9111 4.1)', async () => {
  const it = await startTestEdge((request, response) => {
    response.writeHead(200, { ...fresh, vary: 'x-kind' })
    response.end(String(request.headers['x-kind'] ?? 'none'))
  })
  for (let round = 0; round < 2; round++) {
    assert.equal((await it.get('/v', { 'x-kind': 'a' })).body, 'a')
    assert.equal((await it.get('/v', { 'x-kind': 'b' })).body, 'b')
    assert.equal((await it.get('/v')).body, 'none')
  }
  assert.equal(it.origin.requests.length, 3)
  assert.equal(await it.purge({ urls: [`${it.url}/v`] }), 3, 'a purge takes every variant')
  await it.stop()
})

test('a stale response is validated, and a 304 makes it fresh with new fields (RFC 9111 4.3)', async () => {
  const it = await startTestEdge((request, response) => {
    const known = request.headers['if-none-match'] === '"v1"'
    response.sendDate = false
    response.writeHead(known ? 304 : 200, {
      ...fresh,
      etag: '"v1"',
      'x-time': String(it.origin.requests.length),
    })
    response.end(known ? undefined : 'body')
  })
  await it.get('/a')
  it.clock.advance(61_000)
  const second = await it.get('/a')
  assert.equal(second.body, 'body')
  assert.equal(second.headers['x-time'], '2')
  assert.match(second.headers['cache-status'] ?? '', /fwd=stale; fwd-status=304/)
  assert.match((await it.get('/a')).headers['cache-status'] ?? '', /hit/)
  assert.equal(it.origin.requests.length, 2)
  await it.stop()
})

test('conditions of clients are answered from the store, and the whole is fetched for them', async () => {
  const it = await startTestEdge(plain('body', { ...fresh, etag: '"v1"' }))
  const first = await it.get('/a', { 'if-none-match': '"v1"' })
  assert.equal(first.status, 304)
  assert.equal(it.origin.requests[0]?.headers['if-none-match'], undefined)
  await it.get('/a')
  assert.equal((await it.get('/a', { 'if-none-match': 'W/"v1"' })).status, 304)
  assert.equal((await it.get('/a', { 'if-none-match': '"v2"' })).body, 'body')
  assert.equal(it.origin.requests.length, 1)
  await it.stop()
})

test('ranges of a stored response never reach the origin (RFC 9110 14)', async () => {
  const it = await startTestEdge(
    plain('0123456789', { ...fresh, etag: '"v1"', 'content-type': 'text/x' }),
  )
  await it.get('/r')
  const one = await it.get('/r', { range: 'bytes=2-4' })
  assert.deepEqual(
    [one.status, one.body, one.headers['content-range']],
    [206, '234', 'bytes 2-4/10'],
  )
  const many = await it.get('/r', { range: 'bytes=0-0,-2' })
  assert.equal(many.status, 206)
  assert.match(many.headers['content-type'] ?? '', /^multipart\/byteranges; boundary=/)
  assert.match(many.body, /Content-Range: bytes 0-0\/10\r\n\r\n0\r\n/)
  assert.match(many.body, /Content-Type: text\/x\r\nContent-Range: bytes 8-9\/10\r\n\r\n89\r\n/)
  assert.equal((await it.get('/r', { range: 'bytes=10-' })).status, 416)
  assert.equal((await it.get('/r', { range: 'bytes=0-1', 'if-range': '"v2"' })).status, 200)
  assert.equal((await it.get('/r', { range: 'bytes=0-1', 'if-range': '"v1"' })).body, '01')
  assert.equal(it.origin.requests.length, 1)
  await it.stop()
})

test('parts are stored, reused, joined and completed (RFC 9111 3.3 and 3.4)', async () => {
  const text = '0123456789'
  const it = await startTestEdge((request, response) => {
    const form = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '')
    if (!form) {
      response.writeHead(200, { ...fresh, etag: '"v1"' })
      response.end(text)
      return
    }
    const first = Number(form[1])
    const last = form[2] === '' ? 9 : Number(form[2])
    response.writeHead(206, {
      ...fresh,
      etag: '"v1"',
      'content-range': `bytes ${first}-${last}/10`,
    })
    response.end(text.slice(first, last + 1))
  })
  assert.equal((await it.get('/p', { range: 'bytes=0-3' })).body, '0123')
  assert.equal((await it.get('/p', { range: 'bytes=1-2' })).body, '12')
  assert.equal(it.origin.requests.length, 1)
  assert.equal((await it.get('/p', { range: 'bytes=4-5' })).body, '45')
  assert.equal((await it.get('/p', { range: 'bytes=2-5' })).body, '2345', 'two parts joined')
  assert.equal(it.origin.requests.length, 2)
  const whole = await it.get('/p')
  assert.deepEqual([whole.status, whole.body], [200, text])
  assert.equal(it.origin.requests[2]?.headers.range, 'bytes=6-')
  assert.equal(it.origin.requests[2]?.headers['if-range'], '"v1"')
  assert.equal((await it.get('/p')).body, text)
  assert.equal(it.origin.requests.length, 3)
  await it.stop()
})

test('an unsafe request invalidates what is stored, a failed one does not (RFC 9111 4.4)', async () => {
  const it = await startTestEdge((request, response) => {
    response.writeHead(request.url === '/b' && request.method === 'POST' ? 500 : 200, fresh)
    response.end('x')
  })
  await it.get('/a')
  await it.get('/b')
  await it.get('/a', {}, 'POST')
  await it.get('/b', {}, 'POST')
  assert.match((await it.get('/a')).headers['cache-status'] ?? '', /fwd=uri-miss/)
  assert.match((await it.get('/b')).headers['cache-status'] ?? '', /hit/)
  await it.stop()
})

test('an answer cut short by the origin is never stored', async () => {
  let cut = true
  const it = await startTestEdge((_, response) => {
    response.writeHead(200, { ...fresh, 'content-length': '10' })
    response.write('01234')
    if (cut) setImmediate(() => response.destroy())
    else response.end('56789')
  })
  await assert.rejects(it.get('/t'))
  cut = false
  assert.equal((await it.get('/t')).body, '0123456789')
  assert.match((await it.get('/t')).headers['cache-status'] ?? '', /hit/)
  assert.equal(it.origin.requests.length, 2)
  await it.stop()
})
