import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import {
  createNoopMeter,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span,
} from '@opentelemetry/api'
import { systemClock } from '@spate/runtime/clock'
import { SeededChance } from '@spate/runtime/chance'
import { Fault, type FaultCode } from '@spate/runtime/fault'
import { createClient, type CallOptions, type Client, type ClientOptions } from './client.ts'

type Answer = (request: IncomingMessage, response: ServerResponse, hits: number) => void

async function serve(t: TestContext, answer: Answer): Promise<{ url: string; hits: () => number }> {
  let hits = 0
  const server = createServer((request, response) => answer(request, response, ++hits))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hits: () => hits }
}

function clientOf(t: TestContext, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ clock: systemClock, chance: new SeededChance(1), ...options })
  t.after(() => client.close(AbortSignal.abort()))
  return client
}

const code = async (run: Promise<unknown>): Promise<FaultCode> => {
  try {
    await run
  } catch (caught) {
    assert.ok(caught instanceof Fault, String(caught))
    return caught.code
  }
  throw new assert.AssertionError({ message: 'it did not throw' })
}

test('a call sends method, headers and body, and gives the answer back whatever its status', async (t) => {
  const { url } = await serve(t, (request, response) => {
    response.writeHead(418, { 'x-one': ['a', 'b'], 'x-saw': `${request.method} ${request.url}` })
    request.pipe(response)
  })
  const answer = await clientOf(t).fetch(`${url}/p?q=1`, {
    method: 'POST',
    headers: { 'x-a': '1' },
    body: 'hello',
  })
  assert.equal(answer.status, 418)
  assert.equal(answer.ok, false)
  assert.equal(answer.headers.get('x-saw'), 'POST /p?q=1')
  assert.deepEqual(answer.headers.all('x-one'), ['a', 'b'])
  assert.equal(await answer.text(), 'hello')
  assert.equal(await code(answer.text()), 'conflict')
})

test('the deadline covers the head and the body', async (t) => {
  const { url } = await serve(t, (request, response) => {
    if (request.url === '/head') return
    response.writeHead(200)
    response.write('part')
  })
  const client = clientOf(t)
  assert.equal(await code(client.fetch(`${url}/head`, { timeoutMs: 30 })), 'upstream_timeout')
  const answer = await client.fetch(`${url}/body`, { timeoutMs: 30 })
  assert.equal(await code(answer.text()), 'upstream_timeout')
  assert.equal(client.counters.failed, 2)
})

test('a caller that goes away cancels the call', async (t) => {
  const { url } = await serve(t, () => {})
  const away = new AbortController()
  const call = clientOf(t).fetch(url, { signal: away.signal })
  away.abort()
  assert.equal(await code(call), 'cancelled')
  assert.equal(await code(clientOf(t).fetch(url, { signal: away.signal })), 'cancelled')
})

test('refused connections, broken answers and bad headers are faults', async (t) => {
  const { url } = await serve(t, (request, response) => {
    if (request.url === '/reset') return void request.socket.destroy()
    response.writeHead(200, { 'content-length': '10' })
    response.write('short')
    setImmediate(() => request.socket.destroy())
  })
  const client = clientOf(t)
  assert.equal(await code(client.fetch('http://127.0.0.1:1/')), 'bad_gateway')
  assert.equal(await code(client.fetch(`${url}/reset`)), 'bad_gateway')
  assert.equal(
    await code(client.fetch(`${url}/short`).then((answer) => answer.bytes())),
    'bad_gateway',
  )
  assert.equal(
    await code(client.fetch(url, { headers: { 'x-a': 'b\r\nc: d' } })),
    'invalid_request',
  )
})

test('bodies: the limit is taken, one byte more is not', async (t) => {
  const { url } = await serve(t, (request, response) =>
    response.end('x'.repeat(Number(request.url?.slice(1)))),
  )
  const client = clientOf(t, { limits: { bytesMax: 100 } })
  for (const size of [99, 100])
    assert.equal((await (await client.fetch(`${url}/${size}`)).bytes()).length, size)
  assert.equal(
    await code(client.fetch(`${url}/101`).then((answer) => answer.bytes())),
    'bad_gateway',
  )
  assert.equal((await (await client.fetch(`${url}/101`, { bytesMax: 101 })).bytes()).length, 101)
})

test('it retries only where told, at most so often, and not what cannot be mended', async (t) => {
  const { url, hits } = await serve(t, (request, response, hit) => {
    if (request.url === '/reset' && hit % 3 !== 0) return void request.socket.destroy()
    response.writeHead(request.url === '/busy' && hit % 3 !== 0 ? 503 : 200)
    response.end('ok')
  })
  const client = clientOf(t)
  const busy = await client.fetch(`${url}/busy`)
  assert.equal(busy.status, 503)
  await busy.discard()
  assert.equal(hits(), 1)
  assert.equal((await client.fetch(`${url}/busy`, { retries: 2 })).status, 200)
  assert.equal(hits(), 3)
  assert.equal((await client.fetch(`${url}/reset`, { retries: 2 })).status, 200)
  assert.equal(hits(), 6)
  assert.equal(client.counters.retries, 3)
  const stream: CallOptions = { method: 'POST', body: (async function* () {})(), retries: 3 }
  assert.equal(await code(client.fetch(`${url}/reset`, stream)), 'bad_gateway')
  assert.equal(hits(), 7, 'a body that was streamed is gone')
})

test('redirects are followed only where told, and credentials stay with their origin', async (t) => {
  const other = await serve(t, (request, response) =>
    response.end(
      JSON.stringify([request.method, request.headers.authorization, request.headers['x-a']]),
    ),
  )
  const { url } = await serve(t, (request, response) => {
    if (request.url === '/loop') response.writeHead(302, { location: '/loop' })
    else if (request.url === '/file') response.writeHead(302, { location: 'file:///etc/passwd' })
    else if (request.url === '/307') response.writeHead(307, { location: `${other.url}/` })
    else response.writeHead(302, { location: `${other.url}/x` })
    response.end()
  })
  const client = clientOf(t)
  const call: CallOptions = {
    method: 'POST',
    body: 'b',
    headers: { authorization: 's', 'x-a': '1' },
  }
  assert.equal((await client.fetch(url, call)).status, 302)
  assert.equal(other.hits(), 0)
  const followed = await client.fetch(url, { ...call, redirects: 1 })
  assert.deepEqual(await followed.json(), ['GET', null, '1'])
  const kept = await client.fetch(`${url}/307`, { ...call, redirects: 1 })
  assert.deepEqual(await kept.json(), ['POST', null, '1'])
  assert.equal((await client.fetch(`${url}/loop`, { redirects: 3 })).status, 302)
  assert.equal(await code(client.fetch(`${url}/file`, { redirects: 1 })), 'bad_gateway')
})

test('calls to one origin: connections and waiting are bounded, more are refused', async (t) => {
  const held: ServerResponse[] = []
  const { url, hits } = await serve(t, (_, response) => void held.push(response))
  const client = clientOf(t, { limits: { connectionsPerOrigin: 2, waitingPerOrigin: 1 } })
  const calls = [1, 2, 3].map(() => client.fetch(url))
  assert.equal(await code(client.fetch(url)), 'overloaded')
  while (held.length < 2) await new Promise<void>((resolve) => setImmediate(resolve))
  assert.equal(hits(), 2)
  for (let done = 0; done < 3;) {
    const response = held.shift()
    if (response) {
      response.end()
      done++
    }
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  for (const call of calls) await (await call).text()
  assert.equal(client.counters.refused, 1)
  const again = client.fetch(url)
  while (held.length === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  held[0]?.end()
  await (await again).text()
})

test('each try is a client span whose context goes along, and its URL shows no secrets', async (t) => {
  const { url } = await serve(t, (request, response) => {
    response.writeHead(404)
    response.end(request.headers['traceparent'])
  })
  const spans: {
    name: string
    attributes: Record<string, unknown>
    status?: number
    ended: boolean
  }[] = []
  const durations: unknown[] = []
  const meter = createNoopMeter()
  meter.createHistogram = () => ({ record: (_, attributes) => void durations.push(attributes) })
  const startSpan = (
    name: string,
    options: { attributes?: Record<string, unknown> } = {},
  ): Span => {
    const span = {
      name,
      attributes: { ...options.attributes },
      ended: false,
    } as (typeof spans)[number]
    spans.push(span)
    const context = {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      traceFlags: TraceFlags.SAMPLED,
    }
    const made = trace.wrapSpanContext(context)
    return Object.assign(Object.create(made) as Span, {
      setAttributes: (more: object) => Object.assign(span.attributes, more),
      setStatus: ({ code }: { code: number }) => (span.status = code),
      end: () => (span.ended = true),
    })
  }
  const inject = (
    context: Context,
    carrier: unknown,
    setter: { set(c: unknown, k: string, v: string): void },
  ): void => {
    setter.set(carrier, 'traceparent', trace.getSpan(context)?.spanContext().spanId ?? 'none')
  }
  const client = clientOf(t, {
    telemetry: {
      meter,
      tracer: { startSpan, startActiveSpan: () => assert.fail() } as never,
      propagator: { inject } as never,
    },
  })
  const answer = await client.fetch(`${url.replace('//', '//user:pass@')}/a?token=s3cret`, {
    template: '/{x}',
  })
  assert.equal(await answer.text(), 'b'.repeat(16))
  const [span] = spans
  assert.equal(span?.name, 'GET /{x}')
  assert.equal(span?.attributes['url.full'], `${url}/a?token=REDACTED`)
  assert.equal(span?.attributes['http.response.status_code'], 404)
  assert.equal(span?.attributes['error.type'], '404')
  assert.equal(span?.status, SpanStatusCode.ERROR)
  assert.deepEqual([spans.length, span?.ended, durations.length], [1, true, 1])
})
