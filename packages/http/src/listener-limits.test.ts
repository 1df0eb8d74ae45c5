import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import type { Handler } from './exchange.ts'
import { heldBodyBytesMax } from './fast-path/fast-connection.ts'
import type { RefusalReason } from './listener-counters.ts'
import { defaultListenLimits, type ListenLimits, limitsOf } from './listener-limits.ts'
import { listen, type Listener } from './listener.ts'

const host = '127.0.0.1'
const answer: Handler = async (request) => {
  const body = await request.body.bytes()
  return { status: 200, headers: [], body: String(body.length) }
}

async function serve(
  context: TestContext,
  limits: Partial<ListenLimits>,
  handler = answer,
): Promise<Listener> {
  const options = { host, port: 0, handler, limits, clock: systemClock, log: silentLog }
  const listener = await listen({ ...options, acceptors: 1 })
  context.after(() => listener.close(AbortSignal.abort()))
  return listener
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

async function status(port: number, request: string): Promise<number> {
  const socket = connect({ port, host })
  socket.write(Buffer.from(request, 'latin1'))
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await readAll(socket))?.[1])
}

/** Both ways to write the same head: one for the fast path, one that it leaves to node:http. */
const paths = { fast: '', 'node:http': 'Expect: 100-continue\r\n' }
const head = (target: string, extra: string): string =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${extra}`

interface Bound {
  readonly limit: keyof ListenLimits
  readonly value: number
  readonly refusal: number
  readonly reason: RefusalReason
  readonly request: (size: number, extra: string) => string
}

const bounds: readonly Bound[] = [
  {
    limit: 'urlBytesMax',
    value: 64,
    refusal: 414,
    reason: 'url_too_long',
    request: (size, extra) => `${head(`/${'u'.repeat(size - 1)}`, extra)}\r\n`,
  },
  {
    limit: 'headersMax',
    value: 10,
    refusal: 431,
    reason: 'too_many_headers',
    request: (size, extra) =>
      `${head('/', extra)}${'X: y\r\n'.repeat(size - 2 - (extra ? 1 : 0))}\r\n`,
  },
  {
    limit: 'headBytesMax',
    value: 600,
    refusal: 431,
    reason: 'head_too_large',
    request: (size, extra) => {
      const start = `${head('/', extra)}X: `
      return `${start}${'y'.repeat(size - start.length - 4)}\r\n\r\n`
    },
  },
  {
    limit: 'bodyBytesMax',
    value: 100,
    refusal: 413,
    reason: 'body_too_large',
    request: (size, extra) =>
      `${head('/', extra)}Content-Length: ${size}\r\n\r\n${'b'.repeat(size)}`,
  },
]

for (const [path, extra] of Object.entries(paths)) {
  for (const { limit, value, refusal, reason, request } of bounds) {
    test(`${limit} takes one less and the limit, and answers ${refusal} above (${path})`, async (context) => {
      const { port, counters } = await serve(context, { [limit]: value })
      // `100 Continue` comes first where there is a body to be asked for.
      const taken = extra !== '' && limit === 'bodyBytesMax' ? 100 : 200
      assert.equal(await status(port, request(value - 1, extra)), taken)
      assert.equal(await status(port, request(value, extra)), taken)
      assert.equal(await status(port, request(value + 1, extra)), refusal)
      assert.equal(counters.refused[reason], 1)
    })
  }
}

test('a chunked body above bodyBytesMax is 413, at the limit it is taken', async (context) => {
  const { port, counters } = await serve(context, { bodyBytesMax: 16 })
  const chunked = (size: number): string =>
    `${head('/', 'Transfer-Encoding: chunked\r\n')}\r\n${size.toString(16)}\r\n${'b'.repeat(size)}\r\n0\r\n\r\n`
  assert.deepEqual(
    [
      await status(port, chunked(15)),
      await status(port, chunked(16)),
      await status(port, chunked(17)),
    ],
    [200, 200, 413],
  )
  assert.equal(counters.refused.body_too_large, 1)
})

for (const limit of ['connectionsMax', 'connectionsPerAddressMax'] as const) {
  test(`${limit}: the connection above it is answered 503, and its place is free again`, async (context) => {
    const { port, counters } = await serve(context, { [limit]: 2 })
    const open = [connect({ port, host }), connect({ port, host })]
    await Promise.all(
      open.map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
    )
    assert.equal(await status(port, `${head('/', '')}\r\n`), 503)
    open[0]?.destroy()
    while (counters.open > 1) await systemClock.sleep(5)
    assert.equal(await status(port, `${head('/', '')}\r\n`), 200)
    const reason = limit === 'connectionsMax' ? 'connections' : 'connections_per_address'
    assert.equal(counters.refused[reason], 1)
    open[1]?.destroy()
  })
}

test('requestsPerSocketMax: the last request says close, and the next is not taken', async (context) => {
  const { port, counters } = await serve(context, { requestsPerSocketMax: 3 })
  const socket = connect({ port, host })
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(4))
  const text = await readAll(socket)
  assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 3)
  assert.equal(text.match(/Connection: close/g)?.length, 1)
  assert.equal(counters.fast, 3)
})

test('pipelinedMax: further requests wait until one is answered', async (context) => {
  let running = 0
  let most = 0
  const { port, counters } = await serve(context, { pipelinedMax: 2 }, async () => {
    most = Math.max(most, ++running)
    await systemClock.sleep(5)
    running--
    return { status: 200, headers: [], body: '' }
  })
  const socket = connect({ port, host })
  socket.write(`${'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5)}${head('/', '')}\r\n`)
  await readAll(socket)
  assert.deepEqual([counters.fast, most], [6, 2])
})

for (const [path, first] of [
  ['fast', ''],
  ['node:http', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n'],
] as const) {
  test(`a head that does not end is refused after slowHeadMs (${path})`, async (context) => {
    const { port, counters } = await serve(context, { slowHeadMs: 60 })
    const socket = connect({ port, host })
    socket.write(`${first}GET / HTTP/1.1\r\nHost: a\r\nX-`)
    assert.match(await readAll(socket), /HTTP\/1\.1 408 /)
    assert.deepEqual([counters.refused.slow_head, counters.openNode], [1, 0])
  })
}

for (const [path, framing] of [
  ['fast', 'Content-Length: 10'],
  ['node:http', 'Transfer-Encoding: chunked'],
] as const) {
  test(`a body that does not end is refused after slowBodyMs (${path})`, async (context) => {
    const { port, counters } = await serve(context, { slowBodyMs: 60 })
    assert.equal(await status(port, `${head('/', `${framing}\r\n`)}\r\n5\r\nab`), 408)
    assert.equal(counters.refused.slow_body, 1)
  })
}

test('a handler sees a body larger than is held once as much of it has come', async (context) => {
  const lengths: (number | undefined)[] = []
  const { port, counters } = await serve(context, {}, (request) => {
    lengths.push(request.body.length)
    return answer(request)
  })
  const total = heldBodyBytesMax + 10
  const socket = connect({ port, host })
  socket.write(
    `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${total}\r\n\r\n`,
  )
  socket.write('b'.repeat(heldBodyBytesMax - 1))
  // The kernel keeps the order of what one client sent; another's answer shows what was seen before.
  while (counters.accepted < 1) await systemClock.sleep(5)
  assert.equal(await status(port, `${head('/', '')}\r\n`), 200)
  assert.deepEqual(lengths, [0])
  socket.write('b')
  while (lengths.length < 2) await systemClock.sleep(5)
  assert.deepEqual(lengths, [0, total])
  assert.equal(counters.handedOver, 1)
  socket.write('b'.repeat(10))
  assert.match(await readAll(socket), new RegExp(`${total}$`))
})

test('a client that trickles a large body is refused without its handler', async (context) => {
  let asked = 0
  const { port, counters } = await serve(context, { slowBodyMs: 50 }, (request) => {
    asked++
    return answer(request)
  })
  assert.equal(await status(port, `${head('/', 'Content-Length: 100000')}\r\n\r\nb`), 408)
  assert.equal(asked, 0)
  assert.equal(counters.refused.slow_body, 1)
})

test('a client that does not read is cut off after slowReadMs, and holds no more than a few pieces', async (context) => {
  const body = Buffer.alloc(32 * 1024 * 1024, 'x')
  const { port, counters } = await serve(context, { slowReadMs: 80 }, () => ({
    status: 200,
    headers: [],
    body,
  }))
  const socket = connect({ port, host })
  socket.on('error', () => {})
  socket.pause()
  socket.write(`${head('/', '')}\r\n`)
  while (counters.refused.slow_read === 0) await systemClock.sleep(10)
  socket.destroy()
  assert.ok(
    counters.writes < 500,
    `${counters.writes} pieces were queued for a client that reads none`,
  )
})

test('pipelined requests of a client that does not read wait unread', async (context) => {
  const body = Buffer.alloc(16_384, 'x')
  const { port, counters } = await serve(context, { slowReadMs: 80 }, () => ({
    status: 200,
    headers: [],
    body,
  }))
  const socket = connect({ port, host })
  socket.on('error', () => {})
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(10_000))
  while (counters.refused.slow_read === 0) await systemClock.sleep(10)
  socket.destroy()
  assert.ok(counters.fast < 2_000, `${counters.fast} of 10000 were answered into a full socket`)
})

test('an idle connection is closed after idleMs without a word', async (context) => {
  const { port, counters } = await serve(context, { idleMs: 50 })
  const socket = connect({ port, host })
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const text = await readAll(socket)
  assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1)
  assert.equal(counters.idleClosed, 1)
})

test('limitsOf takes the bounds out of a larger settings object', () => {
  const limits = limitsOf({ ...defaultListenLimits, idleMs: 5, port: 1 } as ListenLimits)
  assert.deepEqual(limits, { ...defaultListenLimits, idleMs: 5 })
})
