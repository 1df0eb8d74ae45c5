/** Origins that time out, reset, trickle, lie and pack bombs: what clients get, what is asked, what is stored. */
import assert from 'node:assert/strict'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { request as send } from 'undici'
import { fetchSeen, plain, startTestEdge, type OriginAnswer, type TestEdge } from './test-edge.ts'

/** Resolves once `holds` does; the state is what is waited for, not a time. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Moves the clock on as soon as a request has reached the origin and hangs there. */
async function timedOut(it: TestEdge, path: string, totalMs: number): ReturnType<TestEdge['get']> {
  const before = it.origin.requests.length
  const asking = it.get(path)
  await until(() => it.origin.requests.length > before)
  it.clock.advance(totalMs + 1)
  return asking
}

test('an origin that times out is asked once a back-off step while stale-if-error holds (RFC 5861 4)', async () => {
  const originTotalMs = 5000
  const it = await startTestEdge(
    plain('good', { 'cache-control': 'max-age=1, stale-if-error=600' }),
    { originTotalMs },
  )
  await it.get('/a')
  it.clock.advance(2000)
  it.origin.answer = () => {}
  for (const [stepMs, asked] of [
    [1000, 2],
    [2000, 3],
    [4000, 4],
  ] as const) {
    const first = await timedOut(it, '/a', originTotalMs)
    assert.deepEqual([first.status, first.body], [200, 'good'])
    for (let turn = 0; turn < 10; turn++) {
      const seen = await it.get('/a')
      assert.deepEqual([seen.status, seen.body], [200, 'good'], 'at once, from the store')
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

test('an origin that hangs gives a 504 where nothing stale can stand in, and nothing is stored', async () => {
  const it = await startTestEdge(() => {}, { originTotalMs: 5000 })
  const seen = await timedOut(it, '/a', 5000)
  assert.equal(seen.status, 504)
  assert.equal(seen.headers['content-type'], 'application/problem+json')
  assert.equal(it.edge.store.memory.figures.objects, 0)
  assert.equal(it.edge.transfers.size, 0)
  await it.stop()
})

const packed: Readonly<Record<string, Buffer>> = {
  gzip: gzipSync(Buffer.alloc(64 * 1024 * 1024)),
  br: brotliCompressSync(Buffer.alloc(16 * 1024 * 1024)),
}

test('a packed body is stored as it came and never unpacked or packed again: a bomb stays small, a coding stays itself', async () => {
  const it = await startTestEdge((request, response) => {
    const coding = request.url?.slice(1) ?? ''
    const body = packed[coding]
    response.writeHead(200, {
      'cache-control': 'max-age=60',
      ...(body ? { 'content-encoding': coding, vary: 'accept-encoding' } : {}),
      'content-type': 'text/plain',
    })
    response.end(body ?? 'plain '.repeat(1000))
  })
  for (const [coding, body] of Object.entries(packed)) {
    for (let turn = 0; turn < 2; turn++) {
      const answer = await send(`${it.url}/${coding}`, { headers: { 'accept-encoding': coding } })
      assert.equal(answer.headers['content-encoding'], coding)
      assert.deepEqual(Buffer.from(await answer.body.arrayBuffer()), body)
    }
  }
  const { bytes } = it.edge.store.memory.figures
  const sent = Object.values(packed).reduce((sum, body) => sum + body.length, 0)
  assert.ok(bytes < sent + 20_000, `${bytes} held of ${sent} sent`)
  // What came plain stays plain, whatever a client accepts: secrets beside what an attacker
  // chooses are never packed together by this node (BREACH).
  for (const accepted of ['gzip, br', 'identity']) {
    const seen = await it.get('/text', { 'accept-encoding': accepted })
    assert.equal(seen.headers['content-encoding'], undefined)
    assert.equal(seen.body.length, 6000)
  }
  assert.equal(it.origin.requests.length, 3, 'one request for each')
  await it.stop()
})

/** Writes `head` and the first bytes of a body, then what `then` does. */
const begun =
  (head: string, then: (socket: Socket) => void): OriginAnswer =>
  (request) => {
    request.socket.write(`HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n${head}\r\n\r\n`)
    then(request.socket)
  }

test('a body that breaks off, is shorter or longer than it says, or is badly chunked is never stored', async () => {
  const cases: Readonly<Record<string, OriginAnswer>> = {
    reset: begun('content-length: 10', (socket) => {
      socket.write('half ')
      socket.resetAndDestroy()
    }),
    'shorter than its length': begun('content-length: 10', (socket) => socket.end('half ')),
    'chunks without an end': begun('transfer-encoding: chunked', (socket) =>
      socket.end('5\r\nhalf \r\n'),
    ),
    'a chunk size that is none': begun('transfer-encoding: chunked', (socket) =>
      socket.end('zz\r\nhalf \r\n0\r\n\r\n'),
    ),
  }
  const it = await startTestEdge(plain('x'))
  for (const [name, answer] of Object.entries(cases)) {
    it.origin.answer = answer
    const path = `/${encodeURIComponent(name)}`
    const before = it.origin.requests.length
    const failed = await fetchSeen(`${it.url}${path}`).then(
      ({ status }) => status !== 200,
      () => true,
    )
    assert.ok(failed, `${name}: the client is told`)
    assert.equal(it.edge.store.memory.figures.objects, 0, name)
    it.origin.answer = plain('whole', { 'cache-control': 'max-age=60' })
    const seen = await it.get(path)
    assert.equal(seen.body, 'whole', name)
    // A retry is allowed before anything was answered; nothing is given from what broke off.
    assert.ok(it.origin.requests.length - before >= 2, name)
    await it.purge({ all: true })
  }
  await it.stop()
})

test('bytes behind the end of an answer belong to nobody: they are in no other answer', async () => {
  const it = await startTestEdge(
    begun('content-length: 2', (socket) =>
      socket.end('okHTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 4\r\n\r\nevil'),
    ),
  )
  for (const path of ['/a', '/b', '/c']) {
    const seen = await it.get(path).catch(() => undefined)
    assert.ok(seen === undefined || !seen.body.includes('evil'), path)
  }
  for (const path of ['/a', '/b', '/c'])
    assert.ok(!((await it.get(path).catch(() => undefined))?.body ?? '').includes('evil'), path)
  await it.stop()
})

test('invalid fields of an origin reach no client and no store', async () => {
  const heads: Readonly<Record<string, string>> = {
    'NUL in a value': 'x: a\u0000b',
    'bare CR in a value': 'x: a\rset-cookie: b=1',
    'no colon': 'nonsense',
    'empty name': ': x',
    'blank in a name': 'x y: z',
    'length that is none': 'content-length: 1x',
    'negative length': 'content-length: -1',
  }
  const it = await startTestEdge((request) => {
    const head = heads[decodeURIComponent(request.url?.slice(1) ?? '')] ?? ''
    request.socket.end(`HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n${head}\r\n\r\nx`)
  })
  for (const name of Object.keys(heads)) {
    const seen = await it.get(`/${encodeURIComponent(name)}`)
    assert.equal(seen.status, 502, name)
    assert.equal(seen.headers['set-cookie'], undefined)
  }
  assert.equal(it.edge.store.memory.figures.objects, 0)
  await it.stop()
})

test('sixteen ranges are answered, more of them with the whole, and overlapping ones never with more than they ask', async () => {
  const whole = 'x'.repeat(10_000)
  const it = await startTestEdge(plain(whole, { 'cache-control': 'max-age=60', etag: '"1"' }))
  await it.get('/r')
  const ranges = (count: number): string =>
    `bytes=${Array.from({ length: count }, (_, at) => `${at * 10}-${at * 10 + 1}`).join(',')}`
  assert.equal((await it.get('/r', { range: ranges(15) })).status, 206)
  assert.equal((await it.get('/r', { range: ranges(16) })).status, 206)
  const many = await it.get('/r', { range: ranges(17) })
  assert.deepEqual([many.status, many.body], [200, whole])
  for (const bomb of [
    `bytes=${'0-,'.repeat(1300)}0-`,
    `bytes=${Array.from({ length: 300 }, () => '0-9999').join(',')}`,
    `bytes=0-,0-,0-,0-,0-,0-,0-,0-`,
  ]) {
    const seen = await it.get('/r', { range: bomb })
    assert.ok([200, 206, 416].includes(seen.status), bomb.slice(0, 20))
    assert.ok(
      seen.body.length <= 2 * whole.length,
      `${seen.body.length} bytes for ${bomb.slice(0, 20)}`,
    )
  }
  assert.equal(it.origin.requests.length, 1)
  await it.stop()
})
