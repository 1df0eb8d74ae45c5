import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { adminToken } from '@spate/http/admin-token'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import type { Running } from '@spate/runtime/lifecycle'
import { silentLog } from '@spate/runtime/log'
import { LogStore } from '@spate/telemetry/log-store'
import { MetricStore } from '@spate/telemetry/metric-store'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { TraceStore } from '@spate/telemetry/trace-store'
import { startConsole } from './main.ts'

/** Nobody answers there: the console is asked alone. */
const nobody = 'http://127.0.0.1:1'
let running: Running
const telemetry = createTelemetry({ serviceName: 'spate-console' })

before(async () => {
  running = await startConsole({
    settings: {
      host: '127.0.0.1',
      port: 0,
      consoleHosts: [],
      otlpGrpcPort: 0,
      otlpHttpPort: 0,
      trustedProxies: [],
      forwardedHeader: 'x-forwarded-for',
      adminToken: undefined,
      edgeUrl: nobody,
      edgeAdminUrl: nobody,
      seckillUrl: nobody,
      recommendUrl: nobody,
      shopUrl: nobody,
      readEveryMs: 60_000,
      historyPoints: 10,
      askTimeoutMs: 1000,
    },
    clock: systemClock,
    chance: new SeededChance(5),
    log: silentLog,
    telemetry,
    adminToken: adminToken('console-own-token-0123456789'),
    traces: new TraceStore(),
    metrics: new MetricStore(),
    logs: new LogStore(),
  })
})
after(async () => {
  await running.stop()
  await telemetry.shutdown()
})

const refused: readonly (readonly [path: string, field: string])[] = [
  ['/api/traces?slower=abc', 'slower'],
  ['/api/traces?slower=-1', 'slower'],
  ['/api/traces?faster=1e9', 'faster'],
  ['/api/traces?faster=NaN', 'faster'],
  ['/api/traces?status=600', 'status'],
  ['/api/traces?status=5xy', 'status'],
  ['/api/traces?attribute=a', 'attribute'],
  ['/api/traces?errors=yes', 'errors'],
  ['/api/traces?limit=5', 'limit'],
  ['/api/traces?__proto__=5', '__proto__'],
  ['/api/traces?name=a&name=b', 'name'],
  [`/api/traces?name=${'a'.repeat(201)}`, 'name'],
  ['/api/logs?severity=loud', 'severity'],
  ['/api/logs?trace=12', 'trace'],
  ['/api/metrics?minutes=soon', 'minutes'],
  ['/api/metrics?colour=blue', 'colour'],
]

test('a query that no call knows is refused by field, value and what is accepted', async () => {
  for (const [path, field] of refused) {
    const answer = await fetch(`${running.urls['traffic']}${path}`)
    assert.equal(answer.status, 422, path)
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
    const { code, traceId, errors } = (await answer.json()) as Record<string, unknown>
    assert.equal(code, 'invalid_request', path)
    assert.match(String(traceId), /^[\da-f]{32}$/)
    const [problem] = errors as { field: string; value: string; expected: string }[]
    assert.equal(problem?.field, field, path)
    assert.ok(problem.value.length <= 81 && problem.expected !== '')
  }
  for (const path of [
    '/api/traces?slower=&status=5xx&attribute=order.id%3D1&errors=1',
    `/api/traces?name=${'a'.repeat(200)}`,
    '/api/logs?severity=warn&trace=',
    '/api/metrics?minutes=5.5',
  ])
    assert.equal((await fetch(`${running.urls['traffic']}${path}`)).status, 200, path)
})

test('no page and no call answers odd queries with a 5xx', async () => {
  const paths = ['/traces', '/measurements', '/logs', '/api/traces', '/api/routes']
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.string({ maxLength: 60, unit: 'binary' }),
      fc.constantFrom('service', 'name', 'slower', 'attribute', 'status', 'labels', 'severity'),
      async (path, value, name) => {
        const query = `${name}=${encodeURIComponent(value.toWellFormed())}`
        const answer = await fetch(`${running.urls['traffic']}${path}?${query}`)
        await answer.arrayBuffer()
        assert.ok(answer.status < 500, `${path}?${query} got ${answer.status}`)
      },
    ),
    { numRuns: 40, seed: 20_261_125 },
  )
})

const span = {
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  name: 'a',
  kind: 2,
  startTimeUnixNano: '1544712660000000000',
  endTimeUnixNano: '1544712661000000000',
  attributes: [{ key: 'k', value: { doubleValue: 1 } }],
}
const valid = Buffer.from(
  JSON.stringify({ resourceSpans: [{ resource: {}, scopeSpans: [{ spans: [span] }] }] }),
)

async function sent(
  path: string,
  body: Uint8Array,
  headers: Record<string, string>,
): Promise<number> {
  const answer = await fetch(`${running.urls['otlpHttp']}${path}`, {
    method: 'POST',
    headers,
    body: new Uint8Array(body),
  })
  const text = await answer.text()
  // OTLP names its own form of an error: a google.rpc.Status in the request's encoding.
  if (answer.status >= 400 && headers['content-type'] === 'application/json')
    assert.equal(typeof (JSON.parse(text) as { message?: unknown }).message, 'string')
  return answer.status
}

test('OTLP that is cut, bent or random is refused or taken, never a fault, and the next is taken', async () => {
  const json = { 'content-type': 'application/json' }
  const protobuf = { 'content-type': 'application/x-protobuf' }
  const paths = fc.constantFrom('/v1/traces', '/v1/metrics', '/v1/logs')
  const bent = fc
    .record({ at: fc.nat(valid.length - 1), byte: fc.nat(255), cut: fc.boolean() })
    .map(({ at, byte, cut }) => {
      if (cut) return valid.subarray(0, at)
      const copy = Buffer.from(valid)
      copy[at] = byte
      return copy
    })
  await fc.assert(
    fc.asyncProperty(paths, bent, fc.uint8Array({ maxLength: 200 }), async (path, text, bytes) => {
      for (const status of [
        await sent(path, text, json),
        await sent(path, bytes, protobuf),
        await sent(path, bytes, { ...json, 'content-encoding': 'gzip' }),
        await sent(path, gzipSync(bytes), { ...protobuf, 'content-encoding': 'gzip' }),
      ])
        assert.ok(status < 500, `${path} got ${status}`)
    }),
    { numRuns: 40, seed: 20_261_125 },
  )
  assert.equal(await sent('/v1/traces', valid, json), 200)
  const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024))
  assert.equal(await sent('/v1/traces', bomb, { ...json, 'content-encoding': 'gzip' }), 413)
  assert.equal(await sent('/v1/traces', valid, json), 200)
})
