import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { plain, startTestEdge, type TestEdge } from './test-edge.ts'

/** Sends `bytes` as they are; returns what came back until the connection closed or half a second passed. */
async function raw(it: TestEdge, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(it.url).port), '127.0.0.1')
  let seen = ''
  socket.on('error', () => {})
  socket.on('data', (piece) => (seen += piece.toString('latin1')))
  socket.write(Buffer.from(bytes, 'latin1'))
  for (let turn = 0; turn < 20 && !socket.destroyed && !socket.readableEnded; turn++)
    await pause(10)
  socket.destroy()
  return seen
}

const inner = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n'
const post = (fields: string, body: string): string =>
  `POST /p HTTP/1.1\r\nHost: h\r\n${fields}\r\n\r\n${body}`

/** Requests on whose end two parsers may differ: RFC 9112 sections 6.1, 6.3 and 11.2. */
const severe: Readonly<Record<string, string>> = {
  'CL.TE': post('Content-Length: 6\r\nTransfer-Encoding: chunked', `0\r\n\r\n${inner}`),
  'TE.CL': post('Transfer-Encoding: chunked\r\nContent-Length: 4', `5c\r\n${inner}0\r\n\r\n`),
  'two lengths that differ': post('Content-Length: 0\r\nContent-Length: 36', inner),
  'a length list that differs': post('Content-Length: 0, 36', inner),
  'signed length': post('Content-Length: +36', inner),
  'negative length': post('Content-Length: -1', inner),
  'hexadecimal length': post('Content-Length: 0x24', inner),
  'length with a blank inside': post('Content-Length: 3 6', inner),
  'huge length': post('Content-Length: 99999999999999999999', inner),
  'blank before the colon': post('Content-Length : 36', inner),
  'TE blank before the colon': post('Transfer-Encoding : chunked', `0\r\n\r\n${inner}`),
  'TE misspelt': post('Transfer-Encoding: xchunked', `0\r\n\r\n${inner}`),
  'TE quoted': post('Transfer-Encoding: "chunked"', `0\r\n\r\n${inner}`),
  'TE with identity behind': post('Transfer-Encoding: chunked, identity', `0\r\n\r\n${inner}`),
  'TE twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: cow', `0\r\n\r\n${inner}`),
  'TE with vertical tab': post('Transfer-Encoding:\u000bchunked', `0\r\n\r\n${inner}`),
  'TE folded': post('Transfer-Encoding:\r\n chunked', `0\r\n\r\n${inner}`),
  'TE in HTTP/1.0': `POST /p HTTP/1.0\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
  'NUL in a name': post('Content-Length\u0000: 36', inner),
  'NUL in a value': post('X: a\u0000b', ''),
  'bare CR in a value': post('X: a\rTransfer-Encoding: chunked', `0\r\n\r\n${inner}`),
  'first field begins with a blank': `GET /p HTTP/1.1\r\n Host: h\r\nContent-Length: 36\r\n\r\n${inner}`,
  'chunk size with a sign': post('Transfer-Encoding: chunked', `+0\r\n\r\n${inner}`),
  'chunk size overflow': post('Transfer-Encoding: chunked', `fffffffffffffffff\r\n${inner}`),
  'chunk size with 0x': post('Transfer-Encoding: chunked', `0x0\r\n\r\n${inner}`),
  'chunk data longer than said': post('Transfer-Encoding: chunked', `1\r\nab\r\n0\r\n\r\n${inner}`),
  'two Hosts': 'GET /p HTTP/1.1\r\nHost: h\r\nHost: evil\r\n\r\n',
  'no Host': 'GET /p HTTP/1.1\r\n\r\n',
  'Host with userinfo': 'GET /p HTTP/1.1\r\nHost: a@h\r\n\r\n',
  'Host with a path': 'GET /p HTTP/1.1\r\nHost: h/x\r\n\r\n',
  'blank in the target': 'GET /p HTTP/1.1 x HTTP/1.1\r\nHost: h\r\n\r\n',
  'wrong version': 'GET /p HTTP/9.9\r\nHost: h\r\n\r\n',
  'control letter in the method': 'GE\u0001T /p HTTP/1.1\r\nHost: h\r\n\r\n',
  CONNECT: 'CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n',
}

test('no request whose end is in doubt makes a second one reach the origin, and none is stored', async () => {
  const it = await startTestEdge(plain('x', { 'cache-control': 'max-age=60' }))
  for (const [name, bytes] of Object.entries(severe)) {
    const answer = await raw(it, bytes)
    const reached = it.origin.requests.map(({ url }) => url)
    assert.ok(!reached.includes('/smuggled'), name)
    assert.ok(!/^HTTP\/1.1 200/.test(answer), `${name}: ${answer.slice(0, 60)}`)
  }
  assert.equal(it.edge.store.memory.figures.objects, 0)
  await it.stop()
})

/** Fields an origin may obey and a cache key does not hold. */
const unkeyed = [
  'x-forwarded-host',
  'x-forwarded-scheme',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-host',
  'forwarded',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
  'x-method-override',
  'x-forwarded-prefix',
]

test('fields outside the key cannot poison a stored answer', async () => {
  const it = await startTestEdge((request, response) => {
    const echoed = unkeyed.map((name) => String(request.headers[name] ?? '')).join('|')
    plain(echoed, { 'cache-control': 'max-age=60' })(request, response)
  })
  for (const name of unkeyed) {
    const path = `/${name}`
    const poisoned = await it.get(path, { [name]: 'evil.example' })
    assert.ok(!poisoned.body.includes('evil'), name)
    assert.ok(!(await it.get(path)).body.includes('evil'), name)
  }
  await it.stop()
})

test('requests that an origin may read differently never share an answer', async () => {
  const it = await startTestEdge((request, response) => {
    plain(`${request.headers.host} ${request.url}`, { 'cache-control': 'max-age=60' })(
      request,
      response,
    )
  })
  const targets = [
    '/a?x=1&x=2',
    '/a?x=2&x=1',
    '/a?x=1;x=2',
    '/a%3fx=1',
    '/a;x=1',
    '/a%2fb',
    '/a/b',
    '/a//b',
    '/a/./b',
    '/a/%2e/b',
    '/account/x.css',
    '/account%0ax.css',
    '/account;.js',
    '/account%23x',
    '/account',
    '/a?',
    '/a',
    '/A',
  ]
  const seen = await Promise.all(
    targets.map((target) => raw(it, `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`)),
  )
  for (const [at, target] of targets.entries()) {
    const path = /\nh (\S+)/.exec(seen[at] ?? '')?.[1]
    if (target === '/a?') assert.ok(path === '/a?' || path === '/a', `${target}: ${path}`)
    else if (target === '/a') assert.ok(path === '/a?' || path === '/a', `${target}: ${path}`)
    else assert.equal(path, target)
  }
  await it.stop()
})

test('a GET with a body is passed on alone and never stored', async () => {
  const it = await startTestEdge((request, response) => {
    let body = ''
    request.on('data', (piece) => (body += String(piece)))
    request.on('end', () =>
      plain(`got ${body}`, { 'cache-control': 'max-age=60' })(request, response),
    )
  })
  await raw(it, 'GET /fat HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nevil')
  assert.equal((await it.get('/fat', { host: 'h' })).body, 'got ')
  await it.stop()
})

test('what one user may see is never given to another', async () => {
  const it = await startTestEdge((request, response) => {
    const user = request.headers.authorization ?? request.headers.cookie ?? 'nobody'
    const cookie = { 'set-cookie': `session=${user}` }
    plain(user, { 'cache-control': 'max-age=60', ...(request.url === '/cookie' ? cookie : {}) })(
      request,
      response,
    )
  })
  assert.equal((await it.get('/auth', { authorization: 'one' })).body, 'one')
  assert.equal((await it.get('/auth', { authorization: 'two' })).body, 'two')
  assert.equal((await it.get('/auth')).body, 'nobody')
  assert.equal((await it.get('/cookie', { cookie: 'c=1' })).body, 'c=1')
  assert.equal((await it.get('/cookie', { cookie: 'c=2' })).body, 'c=2')
  await it.stop()
})

test('an origin that lies, trickles 1xx or sends too large a head gives a 502 and nothing stored', async () => {
  const heads: Readonly<Record<string, string>> = {
    'no HTTP at all': 'SSH-2.0-x\r\n',
    'bad status': 'HTTP/1.1 9999 x\r\n\r\n',
    'bad field': 'HTTP/1.1 200 OK\r\nbad field: x\r\n\r\n',
    'two lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
    'interim flood': 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(40),
    'huge head': `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`,
  }
  const it = await startTestEdge((request) => {
    request.socket.end(heads[decodeURIComponent(request.url?.slice(1) ?? '')] ?? '')
  })
  for (const name of Object.keys(heads)) {
    const seen = await it.get(`/${encodeURIComponent(name)}`)
    assert.equal(seen.status, 502, name)
  }
  assert.equal(it.edge.store.memory.figures.objects, 0)
  await it.stop()
})

test('a request that keeps coming back is refused, whatever its method (RFC 9110 section 7.6.3)', async () => {
  const it = await startTestEdge(plain('x', { 'cache-control': 'max-age=60' }))
  const via = (times: number): string => Array.from({ length: times }, () => '1.1 spate').join(', ')
  for (const method of ['GET', 'POST']) {
    const ask = (times: number): string =>
      `${method} /${method} HTTP/1.1\r\nHost: h\r\nVia: ${via(times)}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
    assert.match(await raw(it, ask(6)), /^HTTP\/1.1 502 [\s\S]*runs in circles/, method)
    assert.equal(it.origin.requests.filter(({ url }) => url === `/${method}`).length, 0, method)
    assert.match(await raw(it, ask(5)), /^HTTP\/1.1 200/, method)
  }
  await it.stop()
})

test('a client past its rate is refused with 429 and never reaches the origin; health is not limited', async () => {
  const it = await startTestEdge(plain('x', { 'cache-control': 'no-store' }), {
    rateLimit: '1/m',
    rateBurst: 3,
  })
  const statuses: number[] = []
  for (let at = 0; at < 4; at++) statuses.push((await it.get(`/${at}`)).status)
  assert.deepEqual(statuses, [200, 200, 200, 429])
  assert.equal(it.origin.requests.length, 3)
  assert.equal((await it.get('/health/live')).status, 200)
  await it.stop()
})

test('a Host that is not plain, or an absolute form that differs from it, poisons nothing', async () => {
  const it = await startTestEdge((request, response) =>
    plain(String(request.headers.host), { 'cache-control': 'max-age=60' })(request, response),
  )
  for (const host of ['a@h', 'h/x', 'h?x', 'h#x', 'h x', 'h\\x', 'h,evil', 'h:80:80', '', 'h%00'])
    assert.doesNotMatch(await raw(it, `GET /p HTTP/1.1\r\nHost: ${host}\r\n\r\n`), /^HTTP\/1.1 200/)
  assert.equal(it.origin.requests.length, 0, 'none of them reached the origin')
  for (const host of ['h', 'H', 'h.', 'h:80'])
    assert.match(await raw(it, `GET /p HTTP/1.1\r\nHost: ${host}\r\n\r\n`), /^HTTP\/1.1 200/, host)
  assert.equal(it.origin.requests.length, 1, 'one host in four spellings')
  const absolute = await raw(it, 'GET http://other/p HTTP/1.1\r\nHost: h\r\n\r\n')
  assert.doesNotMatch(absolute, /^HTTP\/1.1 200[\s\S]*\r\n\r\nh$/, 'not the page of h')
  const seen = await raw(it, 'GET /p HTTP/1.1\r\nHost: h\r\n\r\n')
  assert.match(seen, /\r\n\r\nh$/, 'and h keeps its own')
  await it.stop()
})
