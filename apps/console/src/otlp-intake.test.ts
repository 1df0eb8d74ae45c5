import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { adminToken } from '@spate/http/admin-token'
import { listen, type Listener } from '@spate/http/listener'
import { jsonResponse } from '@spate/http/problem'
import { createRouter } from '@spate/http/router'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import type { Running } from '@spate/runtime/lifecycle'
import { silentLog } from '@spate/runtime/log'
import { createOtlpExporter } from '@spate/telemetry/exporter'
import { LogStore } from '@spate/telemetry/log-store'
import { MetricStore } from '@spate/telemetry/metric-store'
import { createTelemetry, noTelemetry } from '@spate/telemetry/telemetry'
import { TraceStore } from '@spate/telemetry/trace-store'
import { startConsole } from './main.ts'

const [traces, metrics, logs] = [new TraceStore(), new MetricStore(), new LogStore()]
let behind: Listener
let running: Running

before(async () => {
  const handler = createRouter([], {
    log: silentLog,
    fallback: ({ target }) =>
      target === '/metrics'
        ? {
            status: 200,
            headers: ['content-type', 'text/plain'],
            body: 'spate_telemetry_sampling_probability 0.5\n',
          }
        : jsonResponse(200, {}),
  })
  const [host, clock, log] = ['127.0.0.1', systemClock, silentLog]
  behind = await listen({ host, port: 0, acceptors: 1, handler, clock, log })
  const { url } = behind
  running = await startConsole({
    settings: {
      host,
      port: 0,
      consoleHosts: [],
      otlpGrpcPort: 0,
      otlpHttpPort: 0,
      trustedProxies: [],
      forwardedHeader: 'x-forwarded-for',
      adminToken: undefined,
      edgeUrl: url,
      edgeAdminUrl: url,
      seckillUrl: url,
      recommendUrl: url,
      shopUrl: url,
      readEveryMs: 250,
      historyPoints: 10,
      askTimeoutMs: 1000,
    },
    clock,
    chance: new SeededChance(3),
    log,
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

async function page(path: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${running.urls['traffic']}${path}`, {
    headers: { accept: 'text/html' },
  })
  return { status: answer.status, text: await answer.text() }
}

test('any program may send traces and logs by OTLP, and finds them here', async () => {
  const id = 'ab'.repeat(16)
  const resource = {
    attributes: [{ key: 'service.name', value: { stringValue: 'their-program' } }],
  }
  const span = {
    traceId: id,
    spanId: 'cd'.repeat(8),
    name: 'their work',
    kind: 1,
    startTimeUnixNano: '1790000000000000000',
    endTimeUnixNano: '1790000000005000000',
  }
  const record = {
    timeUnixNano: '1790000000001000000',
    severityNumber: 17,
    body: { stringValue: 'their <trouble>' },
    traceId: id,
    spanId: 'cd'.repeat(8),
  }
  const send = (signal: string, body: unknown): Promise<Response> =>
    fetch(`${running.urls['otlpHttp']}/v1/${signal}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  assert.equal(
    (await send('traces', { resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }))
      .status,
    200,
  )
  assert.equal(
    (await send('logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record] }] }] }))
      .status,
    200,
  )
  const { text } = await page(`/traces/${id}`)
  assert.match(text, /their work/)
  assert.match(text, /their-program/)
  assert.match(text, /their &lt;trouble&gt;/)
})

test('metrics that any program sends are found with their quantiles, and an exemplar leads to its trace', async () => {
  const id = 'ef'.repeat(16)
  const telemetry = createTelemetry({
    serviceName: 'foreign',
    exporters: [
      await createOtlpExporter({ url: running.urls['otlpGrpc'] as string, protocol: 'grpc' }),
    ],
    sampling: { strategy: 'fixed', rate: 1 },
  })
  const view = { method: 'GET', path: '/x/1', host: 'a', httpVersion: '1.1', secure: false }
  for (let at = 0; at < 100; at++)
    telemetry
      .beginServer(
        {
          ...view,
          arrivedMs: systemClock.elapsed() - (at === 99 ? 2000 : 40),
          headers: { get: () => undefined },
        },
        at === 99 ? `00-${id}-1234567890123456-01` : undefined,
      )
      .end(at < 4 ? 503 : 200, '/x/{id}')
  await telemetry.shutdown()
  const { text } = await page('/measurements')
  const row = text.match(/<tr>(?:(?!<\/tr>)[^])*\/x\/\{id\}[^]*?<\/tr>/)?.[0] ?? ''
  assert.match(row, />100</)
  assert.match(row, /4\.00 %/)
  assert.match(row, /4\d\.\d ms/)
  assert.match(row, new RegExp(`<a href="/traces/${id}">2\\.0\\d s</a>`))
  assert.equal((await page(`/traces/${id}`)).status, 200)
  const one = await page('/measurements?name=http.server.request.duration&service=foreign')
  assert.match(one.text, /http\.route=\/x\/\{id\}/)
  assert.match(one.text, new RegExp(`href="/traces/${id}"`))
  const labels = encodeURIComponent('http.response.status_code=503')
  const found = async (query: string): Promise<{ last: { count: number } }[]> =>
    (JSON.parse((await page(`/api/metrics?${query}`)).text) as { series: [] }).series
  const errors = await found(`name=http.server.request.duration&service=foreign&labels=${labels}`)
  assert.deepEqual(
    errors.map(({ last }) => last.count),
    [4],
  )
  assert.equal((await page('/measurements?name=nothing')).status, 404)
  assert.match(
    (await page('/logs?trace=zz&service=their-program&severity=error')).text,
    /No record/,
  )
})

test('a program that is only scraped is among the metrics too', async () => {
  for (let tries = 0; tries < 50; tries++) {
    const { text } = await page('/measurements?name=spate_telemetry_sampling_probability')
    if (text.includes('50.0 %') || />0\.5</.test(text)) return
    await systemClock.sleep(100)
  }
  assert.fail('the scraped gauge did not show up')
})

test('a taken OTLP port is a warning: the console opens all the same', async () => {
  const { openOtlpIntake } = await import('./otlp-intake.ts')
  const taken = Number(new URL(running.urls['otlpHttp'] ?? '').port)
  const intake = await openOtlpIntake({
    host: '127.0.0.1',
    grpcPort: 0,
    httpPort: taken,
    traces,
    metrics,
    logs,
    log: silentLog,
  })
  assert.equal(intake, undefined)
})
