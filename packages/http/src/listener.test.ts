import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { systemClock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { silentLog } from '@spate/runtime/log'
import type { Handler, PreparedResponse, Request, Response } from './exchange.ts'
import type { ListenLimits } from './listener-limits.ts'
import { listen, type Listener } from './listener.ts'

const host = '127.0.0.1'

/** A listener for one test; closed with it. */
async function serve(
  context: TestContext,
  handler: Handler,
  limits: Partial<ListenLimits> = {},
): Promise<Listener> {
  const listener = await listen({
    host,
    port: 0,
    handler,
    limits,
    clock: systemClock,
    log: silentLog,
    acceptors: 2,
  })
  context.after(() => listener.close(AbortSignal.abort()))
  return listener
}

/** Sends pieces, each in its own packet, and reads until the server ends. */
async function talk(port: number, ...pieces: readonly string[]): Promise<string> {
  const socket = connect({ port, host, noDelay: true, allowHalfOpen: true })
  for (const piece of pieces) {
    socket.write(Buffer.from(piece, 'latin1'))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return readAll(socket)
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('error', () => {})
  for await (const chunk of socket) text += (chunk as Buffer).toString('latin1')
  return text
}

const echo: Handler = async (request) => ({
  status: 200,
  headers: ['content-type', 'text/plain', 'x-path', request.path, 'x-query', request.query],
  body: await request.body.bytes(),
})
const text = (body: string): Response => ({ status: 200, headers: [], body })
const get = (path: string, ...headers: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: a.test', ...headers, '', ''].join('\r\n')
const closing = 'Connection: close'

test('a plain request is answered by the fast path with Date and Content-Length', async (context) => {
  const { port, counters } = await serve(context, () => text('hello'))
  const answer = await talk(port, get('/a', closing))
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(answer, /\r\nContent-Length: 5\r\n/)
  assert.match(answer, /\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/)
  assert.match(answer, /\r\nConnection: close\r\n/)
  assert.ok(answer.endsWith('\r\n\r\nhello'))
  assert.deepEqual([counters.fast, counters.node, counters.byStatus[200]], [1, 0, 1])
})

test('sync answers to pipelined requests leave in one write, in order', async (context) => {
  const { port, counters } = await serve(context, (request) => text(request.path))
  const answer = await talk(port, get('/1') + get('/2') + get('/3', closing))
  assert.deepEqual(bodies(answer), ['/1', '/2', '/3'])
  assert.deepEqual([counters.fast, counters.writes], [3, 1])
})

test('async answers keep the order of the requests, whichever is made first', async (context) => {
  const waits: Record<string, number> = { '/1': 30, '/2': 10, '/3': 0 }
  const { port } = await serve(context, async (request) => {
    await systemClock.sleep(waits[request.path] ?? 0)
    return text(request.path)
  })
  const answer = await talk(port, get('/1') + get('/2') + get('/3', closing))
  assert.deepEqual(bodies(answer), ['/1', '/2', '/3'])
})

test('a doubtful request goes to node:http behind the answers before it, and so do those after it', async (context) => {
  const { port, counters } = await serve(context, async (request) => {
    await systemClock.sleep(request.path === '/1' ? 20 : 0)
    return text(`${request.method} ${request.path} ${await bodyText(request)}`)
  })
  const chunked =
    'POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
  const answer = await talk(port, get('/1') + chunked + get('/3', closing))
  assert.deepEqual(bodies(answer), ['GET /1 ', 'POST /2 abc', 'GET /3 '])
  assert.deepEqual([counters.fast, counters.node, counters.handedOver], [1, 2, 1])
})

test('a request that arrives byte by byte is the same request', async (context) => {
  const { port, counters } = await serve(context, echo)
  const request =
    'POST /p?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'
  const answer = await talk(port, ...request.split(''))
  assert.match(answer, /\r\nx-path: \/p\r\nx-query: q=1\r\n/)
  assert.ok(answer.endsWith('hello'))
  assert.deepEqual([counters.fast, counters.node], [1, 0])
})

test('a body behind Expect: 100-continue is asked for when the handler reads it', async (context) => {
  const { port } = await serve(context, echo)
  const head =
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n'
  const answer = await talk(port, head, 'ok')
  assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
})

test('HEAD, 204 and 304 have no body, and HEAD the length of the real one', async (context) => {
  const { port } = await serve(context, ({ path }) => ({
    status: path === '/204' ? 204 : path === '/304' ? 304 : 200,
    headers: ['etag', '"x"'],
    body: 'hello',
  }))
  const head = get('/', closing).replace('GET', 'HEAD')
  assert.match(await talk(port, head), /Content-Length: 5\r\n.*\r\n\r\n$/s)
  assert.doesNotMatch(await talk(port, get('/204', closing)), /Content-Length|hello|chunked/i)
  assert.doesNotMatch(await talk(port, get('/304', closing)), /hello|chunked/i)
})

test('a prepared answer is written from its bytes, with the date unless it has one', async (context) => {
  const made = (dated: boolean): PreparedResponse => ({
    status: 200,
    head: Buffer.from(`HTTP/1.1 200 OK\r\n${dated ? 'Date: old\r\n' : ''}Content-Length: 2\r\n`),
    body: Buffer.from('ok'),
    dated,
    route: '/',
    response: () => text('ok'),
  })
  const { port } = await serve(context, ({ path }) => made(path === '/dated'))
  assert.match(await talk(port, get('/', closing)), /\r\nDate: \w{3}, .*\r\n\r\nok$/s)
  const dated = await talk(port, get('/dated', closing))
  assert.equal(dated.match(/Date: /g)?.length, 1)
  assert.match(await talk(port, get('/', closing).replace('GET', 'HEAD')), /\r\n\r\n$/)
})

test('a stream is chunked, or framed by the Content-Length it was given', async (context) => {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('ab')
    await systemClock.sleep(1)
    yield Buffer.from('c')
  }
  const { port } = await serve(context, ({ path }) => ({
    status: 200,
    headers: path === '/known' ? ['content-length', '3'] : [],
    body: pieces(),
  }))
  assert.match(await talk(port, get('/', closing)), /\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n$/)
  assert.match(await talk(port, get('/known', closing)), /Content-Length: 3\r\n.*\r\n\r\nabc$/s)
})

test('a handler that throws answers 500 and keeps the connection; a fault keeps its status', async (context) => {
  const { port } = await serve(context, ({ path }) => {
    if (path === '/fault') throw new Fault('conflict', 'taken')
    throw new Error('secret')
  })
  const answer = await talk(port, get('/'), get('/fault', closing))
  assert.match(answer, /^HTTP\/1\.1 500 .*\r\n\r\n\{.*\}HTTP\/1\.1 409 /s)
  assert.ok(!answer.includes('secret'))
})

test('a header that would split the answer becomes a 500', async (context) => {
  const { port } = await serve(context, () => ({
    status: 200,
    headers: ['x-a', 'b\r\nset-cookie: c'],
    body: '',
  }))
  const answer = await talk(port, get('/', closing))
  assert.match(answer, /^HTTP\/1\.1 500 /)
  assert.ok(!answer.includes('set-cookie'))
})

test('close answers what was asked, refuses what comes later, and then lets go', async (context) => {
  let release: (() => void) | undefined
  const started = Promise.withResolvers<void>()
  const listener = await serve(context, async () => {
    started.resolve()
    await new Promise<void>((resolve) => (release = resolve))
    return text('late')
  })
  const idle = connect({ port: listener.port, host })
  const busy = talk(listener.port, get('/'))
  await started.promise
  const closed = listener.close()
  await readAll(idle)
  release?.()
  assert.match(await busy, /Connection: close\r\n.*late$/s)
  await closed
  assert.equal(listener.counters.open, 0)
})

test('a port in use is an address_in_use fault, also where it is shared by us', async (context) => {
  const { port } = await serve(context, echo)
  const again = listen({ host, port, handler: echo, clock: systemClock, log: silentLog })
  await assert.rejects(again, { code: 'address_in_use' })
})

for (const path of ['fast', 'node:http']) {
  test(`a client that goes away lets go of a waiting stream (${path})`, async (context) => {
    const returned = Promise.withResolvers<void>()
    const aborted = Promise.withResolvers<void>()
    const body = {
      [Symbol.asyncIterator]: () => {
        let first = true
        return {
          next: (): Promise<IteratorResult<Uint8Array>> => {
            if (!first) return new Promise(() => {})
            first = false
            return Promise.resolve({ done: false, value: Buffer.from('a') })
          },
          return: async (): Promise<IteratorResult<Uint8Array>> => {
            returned.resolve()
            return { done: true, value: undefined }
          },
        }
      },
    }
    const { port } = await serve(context, (request) => {
      request.signal.addEventListener('abort', () => aborted.resolve())
      return { status: 200, headers: [], body }
    })
    const socket = connect({ port, host })
    socket.write(get('/', ...(path === 'fast' ? [] : ['Upgrade: x'])))
    await new Promise((resolve) => socket.once('data', resolve))
    socket.destroy()
    await Promise.all([returned.promise, aborted.promise])
  })
}

/** Bodies of answers that carry Content-Length. */
function bodies(answer: string): string[] {
  const found: string[] = []
  for (let at = 0; at < answer.length;) {
    const end = answer.indexOf('\r\n\r\n', at)
    const length = Number(/content-length: (\d+)/i.exec(answer.slice(at, end))?.[1])
    found.push(answer.slice(end + 4, end + 4 + length))
    at = end + 4 + length
  }
  return found
}

async function bodyText(request: Request): Promise<string> {
  return Buffer.from(await request.body.bytes()).toString('latin1')
}
