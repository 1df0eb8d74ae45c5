import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import Type from 'typebox'
import { systemClock } from '@spate/runtime/clock'
import { Fault, type FaultCode } from '@spate/runtime/fault'
import { silentLog } from '@spate/runtime/log'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { createGrpcClient, type GrpcClient } from './grpc-client.ts'
import type { GrpcCall, GrpcMethod } from './grpc-method.ts'
import { createGrpcServer, type GrpcServer, type GrpcServerOptions } from './grpc.ts'

const proto = join(import.meta.dirname, 'grpc-test.proto')
const name = 'spate.http.test.v1.Echo'

interface Say {
  readonly text: string
  readonly times: number
  readonly mood?: string
}
interface Methods {
  readonly [method: string]: readonly [object, object]
  readonly Say: [Partial<Say>, Say]
  readonly Count: [{ to: number }, Say]
}

async function serve(
  t: TestContext,
  methods: Record<string, GrpcMethod>,
  more: Partial<GrpcServerOptions> = {},
): Promise<{ server: GrpcServer; client: GrpcClient<Methods> }> {
  const all = { Say: (request: Say) => request, Count: () => [], ...methods }
  const server = await createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    log: silentLog,
    services: [{ proto, name, methods: all }],
    ...more,
  })
  const client = await createGrpcClient<Methods>({
    proto,
    name,
    address: server.address,
    clock: systemClock,
  })
  t.after(async () => {
    client.close()
    await server.close(AbortSignal.abort())
  })
  return { server, client }
}

async function fault(run: Promise<unknown>): Promise<Fault> {
  try {
    await run
  } catch (caught) {
    assert.ok(caught instanceof Fault, String(caught))
    return caught
  }
  throw new assert.AssertionError({ message: 'it did not fail' })
}
const code = async (run: Promise<unknown>): Promise<FaultCode> => (await fault(run)).code
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a unary call goes there and back; 64-bit numbers are numbers, unset options are absent', async (t) => {
  const seen: Say[] = []
  const { server, client } = await serve(t, {
    Say: async (request: Say, call: GrpcCall) => {
      seen.push(request)
      return {
        text: `${request.text} ${call.headers.get('x-who')} ${call.peerAddress}`,
        times: request.times,
      }
    },
  })
  const answer = await client.call(
    'Say',
    { text: '你好', times: 2 ** 52 },
    { headers: { 'X-Who': 'ann' } },
  )
  assert.deepEqual(answer, { text: '你好 ann 127.0.0.1', times: 2 ** 52 })
  assert.deepEqual(seen, [{ text: '你好', times: 2 ** 52 }])
  assert.deepEqual(server.counters, { started: 1, ok: 1, failed: 0, refused: 0 })
})

test('a fault arrives with its code, message, fields and retry time', async (t) => {
  const { client } = await serve(t, {
    Say: ({ text }: Say) => {
      if (text === 'later') throw new Fault('overloaded', 'come back', { retryAfterSeconds: 1.5 })
      if (text === 'gone') return Promise.reject(new Fault('not_found', 'no such thing'))
      throw new Error('password=hunter2')
    },
  })
  const later = await fault(client.call('Say', { text: 'later' }))
  assert.deepEqual(
    [later.code, later.message.includes('come back'), later.retryAfterSeconds],
    ['overloaded', true, 1.5],
  )
  assert.equal(await code(client.call('Say', { text: 'gone' })), 'not_found')
  const broken = await fault(client.call('Say', { text: 'x' }))
  assert.equal(broken.code, 'internal')
  assert.ok(!broken.message.includes('hunter2'))
})

test('ranges the .proto cannot state are checked by schema, field by field', async (t) => {
  let calls = 0
  const { client } = await serve(
    t,
    {},
    {
      services: [
        {
          proto,
          name,
          methods: { Say: (request: Say) => (calls++, request), Count: () => [] },
          requests: {
            Say: Type.Object({
              text: Type.String({ minLength: 1 }),
              times: Type.Integer({ minimum: 1, maximum: 9 }),
              mood: Type.Optional(Type.String()),
            }),
          },
        },
      ],
    },
  )
  assert.equal((await client.call('Say', { text: 'a', times: 9, mood: 'm' })).times, 9)
  const refused = await fault(client.call('Say', { times: 10 }))
  assert.equal(refused.code, 'invalid_request')
  assert.deepEqual(refused.fields, [
    { field: 'text', expected: 'text of at least 1 characters' },
    { field: 'times', value: '10', expected: 'a whole number from 1 to 9' },
  ])
  assert.equal(calls, 1)
})

test('bytes that are no message are the fault of the caller, and too many bytes are refused', async (t) => {
  const { server, client } = await serve(t, {}, { limits: { requestBytesMax: 1000 } })
  const raw = new Client(server.address, credentials.createInsecure())
  t.after(() => raw.close())
  const send = (bytes: Buffer): Promise<ServiceError> =>
    new Promise((resolve) =>
      raw.makeUnaryRequest(
        `/${name}/Say`,
        (b: Buffer) => b,
        (b) => b,
        bytes,
        (caught) => resolve(caught as ServiceError),
      ),
    )
  assert.equal((await send(Buffer.from([0x0a, 0xff, 0xff]))).code, status.INVALID_ARGUMENT)
  const text = (length: number): Partial<Say> => ({ text: 'x'.repeat(length) })
  assert.equal((await client.call('Say', text(997))).text.length, 997)
  assert.equal(await code(client.call('Say', text(998))), 'rate_limited', 'RESOURCE_EXHAUSTED')
})

test('a deadline ends the call on both sides, and a cancel reaches the handler', async (t) => {
  const reasons: unknown[] = []
  const { server, client } = await serve(t, {
    Say: (_: Say, call: GrpcCall) =>
      new Promise((_resolve, reject) =>
        call.signal.addEventListener('abort', () => {
          reasons.push((call.signal.reason as Fault).code)
          reject(call.signal.reason as Fault)
        }),
      ),
  })
  assert.equal(await code(client.call('Say', {}, { timeoutMs: 30 })), 'upstream_timeout')
  const away = new AbortController()
  const call = client.call('Say', {}, { signal: away.signal })
  while (server.counters.started < 2) await turn()
  away.abort()
  assert.equal(await code(call), 'cancelled')
  while (reasons.length < 2) await turn()
  assert.equal(reasons[1], 'cancelled')
  assert.deepEqual([server.counters.failed, server.counters.ok], [2, 0])
})

test('a call without deadline is ended by the limit of the server', async (t) => {
  const { client } = await serve(
    t,
    { Say: () => new Promise(() => {}) },
    { limits: { callMsMax: 30 } },
  )
  assert.equal(await code(client.call('Say', {})), 'upstream_timeout')
})

test('calls under way: the limit is taken, one more is refused', async (t) => {
  const held: (() => void)[] = []
  const { server, client } = await serve(
    t,
    { Say: (request: Say) => new Promise((resolve) => held.push(() => resolve(request))) },
    { limits: { callsMax: 2 } },
  )
  const calls = [client.call('Say', {}), client.call('Say', {})]
  while (held.length < 2) await turn()
  assert.equal(await code(client.call('Say', {})), 'overloaded')
  for (const free of held) free()
  await Promise.all(calls)
  assert.equal(server.counters.refused, 1)
})

test('a stream is sent message by message; leaving it stops the producer', async (t) => {
  let made = 0
  const stopped = { count: 0 }
  const { client } = await serve(t, {
    Count: async function* ({ to }: { to: number }) {
      try {
        for (let n = 1; n <= to; n++) {
          made++
          yield { text: 'x'.repeat(10_000), times: n }
        }
        if (to === 3) throw new Fault('conflict', 'enough')
      } finally {
        stopped.count++
      }
    },
  })
  const seen: number[] = []
  for await (const { times } of client.stream('Count', { to: 100 })) seen.push(times)
  assert.equal(seen.length, 100)
  assert.equal(seen.at(-1), 100)
  const failing = async (): Promise<void> => {
    for await (const _ of client.stream('Count', { to: 3 })) void _
  }
  assert.equal(await code(failing()), 'conflict')
  made = 0
  for await (const _ of client.stream('Count', { to: 1_000_000 })) break
  while (stopped.count < 3) await turn()
  assert.ok(made < 10_000, `back-pressure and cancel stop it early: ${made}`)
})

test('trace context goes in and out: one trace, tracestate and the random flag kept', async (t) => {
  const telemetry = createTelemetry({
    serviceName: 'test',
    clock: systemClock,
    sampling: { strategy: 'fixed', probability: 1 } as never,
  })
  t.after(() => telemetry.shutdown())
  const seen: { traceparent: string | undefined; tracestate: string | undefined; span: unknown }[] =
    []
  const { server } = await serve(
    t,
    {
      Say: (request: Say, call: GrpcCall) => {
        const { traceId, traceFlags, traceState } = call.span.spanContext()
        seen.push({
          traceparent: call.headers.get('traceparent'),
          tracestate: call.headers.get('tracestate'),
          span: [traceId, traceFlags & 2, traceState?.get('vendor')],
        })
        return request
      },
    },
    { telemetry },
  )
  const client = await createGrpcClient<Methods>({
    proto,
    name,
    address: server.address,
    clock: systemClock,
    telemetry,
  })
  t.after(() => client.close())
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-03`, tracestate: 'vendor=x' }
  const plain = await createGrpcClient<Methods>({
    proto,
    name,
    address: server.address,
    clock: systemClock,
  })
  t.after(() => plain.close())
  await plain.call('Say', {}, { headers })
  assert.deepEqual(seen[0]?.span, [traceId, 2, 'x'])
  const carrier = (key: string): string | undefined => headers[key as keyof typeof headers]
  const context = telemetry.propagator.extract(
    (await import('@opentelemetry/api')).ROOT_CONTEXT,
    headers,
    {
      keys: () => Object.keys(headers),
      get: (_, key) => carrier(key),
    },
  )
  await client.call('Say', {}, { context })
  assert.match(
    seen[1]?.traceparent ?? '',
    new RegExp(`^00-${traceId}-(?!00f067aa0ba902b7)[0-9a-f]{16}-03$`),
  )
  assert.match(seen[1]?.tracestate ?? '', /vendor=x/)
  assert.deepEqual(seen[1]?.span, [traceId, 2, 'x'])
})

test('health says SERVING, then NOT_SERVING while it drains; reflection shows the service', async (t) => {
  let free = (): void => {}
  const { server, client } = await serve(t, {
    Say: (request: Say) => new Promise((resolve) => (free = () => resolve(request))),
  })
  const health = await createGrpcClient<{ Check: [object, { status: string }] }>({
    proto: join(
      import.meta.dirname,
      '../../../node_modules/grpc-health-check/proto/health/v1/health.proto',
    ),
    name: 'grpc.health.v1.Health',
    address: server.address,
    clock: systemClock,
  })
  t.after(() => health.close())
  assert.equal((await health.call('Check', { service: name })).status, 'SERVING')
  assert.equal((await health.call('Check', {})).status, 'SERVING')
  assert.deepEqual(
    await reflected(server.address),
    ['grpc.reflection.v1.ServerReflection', name].filter((n) => n === name),
  )
  const call = client.call('Say', { text: 'last' })
  while (server.counters.started < 1) await turn()
  server.setServing(false)
  assert.equal((await health.call('Check', { service: name })).status, 'NOT_SERVING')
  const closed = server.close()
  await turn()
  free()
  assert.equal((await call).text, 'last', 'a call under way finishes')
  await closed
  assert.ok(
    ['bad_gateway', 'upstream_timeout'].includes(
      await code(client.call('Say', {}, { timeoutMs: 200 })),
    ),
  )
})

async function reflected(address: string): Promise<string[]> {
  const definition = fromJSON({
    nested: {
      M: { fields: { listServices: { type: 'string', id: 7 } } },
      A: { fields: { list: { type: 'L', id: 6 } } },
      L: { fields: { service: { rule: 'repeated', type: 'S', id: 1 } } },
      S: { fields: { name: { type: 'string', id: 1 } } },
    },
  })
  const of = (
    message: string,
  ): {
    readonly serialize: (value: object) => Buffer
    readonly deserialize: (bytes: Buffer) => object
  } => definition[message] as never
  const client = new Client(address, credentials.createInsecure())
  const call = client.makeBidiStreamRequest<object, object>(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    of('M').serialize,
    of('A').deserialize,
    new Metadata(),
  )
  call.end({ listServices: '*' })
  try {
    for await (const answer of call as AsyncIterable<{ list: { service: { name: string }[] } }>)
      return answer.list.service.map((service) => service.name)
    return []
  } finally {
    client.close()
  }
}

test('a port in use, and methods that differ from the .proto, stop the program at start', async (t) => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.after(() => taken.close())
  const port = (taken.address() as { port: number }).port
  assert.equal(await code(serve(t, {}, { port })), 'address_in_use')
  assert.equal(await code(serve(t, { Shout: () => ({}) })), 'internal')
})
