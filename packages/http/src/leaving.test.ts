import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { Fault } from '@spate/runtime/fault'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { holdPort } from './held-port.ts'
import { listen, type Listener } from './listener.ts'

const host = '127.0.0.1'
const get = (path: string, ...headers: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: a.test', ...headers, '', ''].join('\r\n')
/** Sends a request to node:http, and the connection with it. */
const doubtful = 'Transfer-Encoding: chunked'

interface House {
  readonly listener: Listener
  readonly clock: VirtualClock
  /** Answers the request for `/slow` that was asked longest ago. */
  readonly answerSlow: () => void
  readonly asked: () => number
}

async function serve(context: TestContext): Promise<House> {
  const clock = new VirtualClock()
  const slow: (() => void)[] = []
  let asked = 0
  const listener = await listen({
    host,
    port: 0,
    acceptors: 1,
    clock,
    log: silentLog,
    handler: async ({ path }) => {
      asked++
      if (path === '/slow') await new Promise<void>((resolve) => slow.push(resolve))
      return { status: 200, headers: [], body: `at ${path}` }
    },
  })
  context.after(() => listener.close(AbortSignal.abort()))
  return { listener, clock, answerSlow: () => slow.shift()?.(), asked: () => asked }
}

/** A client that keeps what it reads. */
class Client {
  readonly socket: Socket
  text = ''
  readonly ended: Promise<unknown>

  constructor(port: number) {
    this.socket = connect({ port, host, noDelay: true })
    this.socket.on('data', (piece: Buffer) => (this.text += piece.toString('latin1')))
    this.ended = once(this.socket, 'end')
  }

  /** Sends `text` and waits for `body`. */
  async ask(text: string, body: string): Promise<string> {
    const from = this.text.length
    this.socket.write(text)
    const closed = this.ended.then(() => assert.fail(`closed after "${this.text}"`))
    closed.catch(() => {
      // Heard of below, while an answer is waited for.
    })
    while (!this.text.includes(body, from)) await Promise.race([once(this.socket, 'data'), closed])
    return this.text.slice(from)
  }
}

for (const way of ['fast', 'node:http']) {
  test(`an idle connection may ask once more, is told that it was the last time, and only then is closed (${way})`, async (context) => {
    const { listener } = await serve(context)
    const client = new Client(listener.port)
    const extra = way === 'fast' ? [] : [doubtful]
    const end = way === 'fast' ? '' : '0\r\n\r\n'
    const first = await client.ask(`${get('/1', ...extra)}${end}`, 'at /1')
    assert.doesNotMatch(first, /connection: close/i)
    const left = listener.leave(60_000)
    const second = await client.ask(`${get('/2', ...extra)}${end}`, 'at /2')
    assert.match(second, /connection: close/i)
    await client.ended
    client.socket.end()
    await left
    assert.equal(listener.counters.open, 0)
    const late = connect({ port: listener.port, host })
    await assert.rejects(once(late, 'connect'), { code: 'ECONNREFUSED' })
  })
}

test('what is under way is answered, pipelined requests too: only the last answer closes', async (context) => {
  const { listener, answerSlow, asked } = await serve(context)
  const client = new Client(listener.port)
  client.socket.write(`${get('/slow')}${get('/2')}${get('/3').slice(0, 20)}`)
  while (asked() < 2) await new Promise(setImmediate)
  const left = listener.leave(60_000)
  answerSlow()
  await client.ask(get('/3').slice(20), 'at /3')
  await client.ended
  client.socket.end()
  await left
  assert.deepEqual(client.text.match(/at \/[a-z0-9]+/g), ['at /slow', 'at /2', 'at /3'])
  assert.equal(client.text.match(/connection: close/gi)?.length, 1)
})

test('who stays silent has `graceMs`; then leaving is over, and closing ends the connection', async (context) => {
  const { listener, clock } = await serve(context)
  const client = new Client(listener.port)
  await client.ask(get('/1'), 'at /1')
  let over = false
  const left = listener.leave(5_000).then(() => (over = true))
  clock.advance(4_999)
  await new Promise(setImmediate)
  assert.equal(over, false)
  clock.advance(1)
  await left
  assert.equal(listener.counters.open, 1)
  const closed = listener.close()
  await client.ended
  client.socket.end()
  await closed
})

test('a held port is taken, yet nobody answers there until somebody listens', async () => {
  const held = await holdPort({ host: 'localhost', port: 0, sockets: 3 })
  assert.equal(new Set(held.sockets).size, 3)
  await assert.rejects(once(connect({ port: held.port, host }), 'connect'), {
    code: 'ECONNREFUSED',
  })
  held.close()
  const again = await holdPort({ host, port: held.port, sockets: 2 })
  again.close()
})

test('a port that somebody listens on cannot be held', async (context) => {
  const { listener } = await serve(context)
  await assert.rejects(
    holdPort({ host, port: listener.port, sockets: 2 }),
    (caught) => caught instanceof Fault && caught.code === 'address_in_use',
  )
})
