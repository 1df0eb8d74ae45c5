import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { after, before, test } from 'node:test'
import { adminToken } from '@spate/http/admin-token'
import { listen, type Listener } from '@spate/http/listener'
import { jsonResponse } from '@spate/http/problem'
import { createRouter } from '@spate/http/router'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import type { Running } from '@spate/runtime/lifecycle'
import { silentLog } from '@spate/runtime/log'
import { createTelemetry, noTelemetry } from '@spate/telemetry/telemetry'
import { logDataOf } from '@spate/telemetry/log-data'
import { LogStore } from '@spate/telemetry/log-store'
import { MetricStore } from '@spate/telemetry/metric-store'
import { TraceStore } from '@spate/telemetry/trace-store'
import { formBytesMax } from './desk-routes.ts'
import { startConsole } from './main.ts'

const token = 'typed-by-a-person-0123456789'
const traces = new TraceStore()
const logs = new LogStore()
const metrics = new MetricStore()
const seen: {
  method: string
  target: string
  authorization: string | undefined
  traceparent: string | undefined
}[] = []
let behind: Listener
let running: Running
let traceId = ''

before(async () => {
  const handler = createRouter([], {
    log: silentLog,
    fallback: (request) => {
      const { method, target, headers } = request
      seen.push({
        method,
        target,
        authorization: headers.get('authorization'),
        traceparent: headers.get('traceparent'),
      })
      if (target.startsWith('/seckill/campaigns') && method === 'GET')
        return jsonResponse(200, {
          campaigns: [
            { productId: 'tea<1>', total: 10, remaining: 4, state: 'open', reserved: 5, paid: 1 },
          ],
        })
      if (target.startsWith('/seckill/audit'))
        return jsonResponse(200, { total: 10, consistent: true })
      if (
        headers.get('authorization') !== `Bearer ${token}` &&
        method === 'POST' &&
        target !== '/recommend'
      )
        return jsonResponse(401, { code: 'unauthorized', detail: 'the <admin> token is wrong' })
      if (target === '/recommend')
        return jsonResponse(200, {
          requestId: 'r',
          model: 'm-1',
          degraded: ['walk'],
          items: [
            {
              itemId: 'a<b',
              score: 2,
              reason: { channel: 'ease', text: 'because <i>', evidence: { items: ['x'] } },
            },
          ],
        })
      if (target === '/health/ready')
        return jsonResponse(200, { status: 'ready', dependencies: {} })
      if (target === '/metrics')
        return {
          status: 200,
          headers: ['content-type', 'text/plain'],
          body: 'spate_telemetry_sampling_probability 0.5\n',
        }
      return jsonResponse(200, { hitRatio: 0.5, topPaths: [{ path: '/<x>', requests: 3 }] })
    },
  })
  behind = await listen({
    host: '127.0.0.1',
    port: 0,
    acceptors: 1,
    handler,
    clock: systemClock,
    log: silentLog,
  })
  const telemetry = createTelemetry({ serviceName: 'spate-edge', sinks: [traces.sink] })
  const root = telemetry.tracer.startSpan('GET /<page>')
  root.recordException(new Error('a <bad> thing'))
  root.setStatus({ code: 2, message: 'broke' })
  root.end()
  traceId = root.spanContext().traceId
  await telemetry.shutdown()
  const said = { severity: 'warn', name: 'spate.edge', message: 'slow <origin>' } as const
  logs.sink([
    logDataOf({ timeMs: 1, fields: { ms: 5 }, traceId, ...said }, { 'service.name': 'spate-edge' }),
  ])
  running = await startConsole({
    settings: {
      host: '127.0.0.1',
      port: 0,
      consoleHosts: ['console.test'],
      otlpGrpcPort: 0,
      otlpHttpPort: 0,
      trustedProxies: [],
      forwardedHeader: 'x-forwarded-for',
      adminToken: undefined,
      edgeUrl: behind.url,
      edgeAdminUrl: behind.url,
      seckillUrl: behind.url,
      recommendUrl: behind.url,
      shopUrl: behind.url,
      readEveryMs: 250,
      historyPoints: 10,
      askTimeoutMs: 1000,
    },
    clock: systemClock,
    chance: new SeededChance(3),
    log: silentLog,
    telemetry: noTelemetry,
    adminToken: adminToken('console-own-token-0123456789'),
    traces,
    metrics,
    logs,
  })
})
after(async () => {
  await running.stop()
  await behind.close()
})

const page = async (
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; text: string; answer: Response }> => {
  const answer = await fetch(`${running.urls['traffic']}${path}`, {
    headers: { accept: 'text/html' },
    ...init,
  })
  return { status: answer.status, text: await answer.text(), answer }
}
const post = (
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): ReturnType<typeof page> =>
  page(path, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { accept: 'text/html', ...headers },
  })

const paths = (): string[] => [
  '/',
  '/traces',
  `/traces/${traceId}`,
  '/logs',
  '/measurements',
  '/measurements?name=spate_telemetry_sampling_probability',
  '/edge?explain=/en',
  '/sales',
  '/recommend?user=u',
  '/sampling',
  '/nothing',
]

test('every page stands without script and holds no script, style or token of its own', async () => {
  for (const path of paths()) {
    const { status, text, answer } = await page(path)
    assert.equal(status, path === '/nothing' ? 404 : 200, path)
    assert.match(text, /<main id="main">/)
    assert.doesNotMatch(
      text,
      /<script(?![^>]*\bsrc="\/assets\/)|<style|\sstyle=|\son\w+=|console-own-token/i,
      path,
    )
    assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
  }
})

test('what programs, spans and logs say is escaped', async () => {
  for (const path of paths())
    assert.doesNotMatch(
      (await page(path)).text,
      /<origin>|<page>|tea<1>|<bad>|a<b|because <i>|\/<x>/,
      path,
    )
  assert.match((await page('/sales')).text, /tea&lt;1&gt;/)
})

test('a trace is shown as page, JSON and text, with its logs; one that is not held says so', async () => {
  const shown = (await page(`/traces/${traceId}`)).text
  assert.match(shown, /GET \/&lt;page&gt;/)
  assert.match(shown, /slow &lt;origin&gt;/)
  assert.match(shown, /exception/)
  const json = JSON.parse((await page(`/api/traces/${traceId}`)).text) as {
    tree: { span: { name: string } }[]
  }
  assert.equal(json.tree[0]?.span.name, 'GET /<page>')
  assert.match(
    (await page(`/traces/${traceId}.txt`)).text,
    /└─ GET \/<page> {2}\[spate-edge\] .* ERROR/,
  )
  assert.equal((await page(`/traces/${'0'.repeat(32)}`)).status, 404)
  assert.equal((await page('/traces/short')).status, 404)
})

test('traces are found by program, name and errors', async () => {
  const found = async (query: string): Promise<number> =>
    (JSON.parse((await page(`/api/traces?${query}`)).text) as { traces: unknown[] }).traces.length
  assert.equal(await found(''), 1)
  assert.equal(await found('service=spate-edge&errors=1&name=page'), 1)
  assert.equal(await found('service=spate-shop'), 0)
  assert.equal(await found('name=purchase'), 0)
  assert.equal(await found('slower=60000'), 0)
})

test('watching leaves no spans: every question says that its trace is not sampled', async () => {
  await page('/edge')
  assert.ok(seen.length > 4)
  for (const { traceparent } of seen)
    assert.match(traceparent ?? '', /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-00$/)
})

test('an action needs the token a person types; it is sent on and shown nowhere', async () => {
  const refused = await post('/sales/act', { productId: 'tea', action: 'pause', token: 'wrong' })
  assert.match(refused.text, /Refused with 401 \(unauthorized\): the &lt;admin&gt; token is wrong/)
  const done = await post('/sales/act', { productId: 'tea', action: 'pause', token })
  assert.match(done.text, /tea: pause done/)
  assert.ok(!done.text.includes(token))
  assert.equal(
    seen.findLast(({ target }) => target.endsWith('/pause'))?.authorization,
    `Bearer ${token}`,
  )
  assert.match(
    (await post('/sales/act', { productId: 'tea', action: 'audit', token })).text,
    /Consistent: the books agree/,
  )
  assert.match(
    (await post('/edge/purge', { by: 'tags', value: 'product-tea-01', soft: '1', token })).text,
    /Purged:/,
  )
})

test('a form from another site, of another kind, too large or with a made-up action is refused', async () => {
  const fields = { productId: 'tea', action: 'pause', token }
  assert.equal((await post('/sales/act', fields, { 'sec-fetch-site': 'cross-site' })).status, 403)
  assert.equal(
    (
      await page('/sales/act', {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      })
    ).status,
    415,
  )
  assert.equal((await post('/sales/act', { ...fields, action: 'toString' })).status, 422)
  assert.equal((await post('/edge/purge', { by: 'all', value: 'x', token })).status, 422)
  for (const [length, status] of [
    [formBytesMax - 1, 422],
    [formBytesMax, 422],
    [formBytesMax + 1, 413],
  ] as const)
    assert.equal(
      (await post('/sales/act', { action: 'x'.repeat(length - 'action='.length) })).status,
      status,
    )
})

test('the overview refreshes by events, and charts move', async () => {
  const stop = new AbortController()
  const answer = await fetch(`${running.urls['traffic']}/live/overview`, { signal: stop.signal })
  let text = ''
  for await (const chunk of answer.body as ReadableStream<Uint8Array>) {
    text += new TextDecoder().decode(chunk)
    if (text.split('event: panels').length > 2) break
  }
  stop.abort()
  const event = JSON.parse(/data: (\{.*\})/.exec(text)?.[1] ?? '{}') as Record<string, string>
  assert.deepEqual(Object.keys(event).sort(), ['campaigns', 'charts', 'latest', 'programs'])
  assert.match(event['programs'] ?? '', /ready/)
})

test('another site reaches neither the pages by a foreign name nor an action by a form', async () => {
  const url = new URL(running.urls['traffic'] as string)
  const ask = (path: string, headers: Record<string, string>, method = 'GET'): Promise<number> =>
    new Promise((resolve, reject) => {
      const call = httpRequest(
        { host: url.hostname, port: url.port, path, method, headers },
        (answer) => {
          answer.resume()
          resolve(answer.statusCode ?? 0)
        },
      )
      call.on('error', reject).end()
    })
  assert.equal(await ask('/', { host: 'evil.test' }), 403)
  assert.equal(await ask('/', { host: 'console.test' }), 200)
  assert.equal(await ask('/', {}), 200)
  assert.equal(await ask('/edge/purge', { origin: 'http://evil.test' }, 'POST'), 403)
})
