import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { systemChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { createLog, type LogSink } from '@spate/runtime/log'
import { loadSettings } from '@spate/runtime/settings-load'
import { withOtelVariables } from '@spate/telemetry/otel-environment'
import { activeIds } from '@spate/telemetry/telemetry'
import { foundationSettings, layFoundation } from './foundation.ts'

interface Seen {
  readonly path: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** A receiver of OTLP/JSON that keeps what it was sent. */
async function receiver(t: TestContext): Promise<{ url: string; seen: Seen[] }> {
  const { gunzipSync } = await import('node:zlib')
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = gunzipSync(Buffer.concat(parts)).toString()
      seen.push({ path: request.url ?? '', headers: request.headers, body })
      response.setHeader('content-type', 'application/json')
      response.end('{}')
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

async function foundationOf(t: TestContext, env: Record<string, string>, alone = true) {
  const folder = mkdtempSync(join(tmpdir(), 'spate-observation-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { values } = loadSettings(foundationSettings, {
    program: 'edge',
    flags: [],
    env: withOtelVariables({ SPATE_DATA_DIR: folder, ...env }).env,
  })
  const sinks: LogSink[] = []
  const log = createLog({
    name: 'spate',
    clock: systemClock,
    trace: activeIds,
    sink: (record) => {
      for (const sink of sinks) sink(record)
    },
  })
  const foundation = await layFoundation({
    settings: values,
    folder,
    clock: systemClock,
    chance: systemChance,
    log,
    addLogSink: (sink) => void sinks.push(sink),
    alone,
  })
  return { foundation, log }
}

test('endpoint, protocol, headers, service name and attributes of OTEL_* reach the receiver on all signals', async (t) => {
  const { url, seen } = await receiver(t)
  const { foundation, log } = await foundationOf(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/tenant/`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: 'Api-Key=a%3D1,x-two=2',
    OTEL_SERVICE_NAME: 'my-edge',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test%20bed',
  })
  const telemetry = foundation.telemetryOf('edge')
  const span = telemetry.tracer.startSpan('work')
  log.child('edge').info('at work', { adminToken: 'abc', count: 3 })
  span.end()
  await foundation.close()
  assert.deepEqual([...new Set(seen.map(({ path }) => path))].sort(), [
    '/tenant/v1/logs',
    '/tenant/v1/metrics',
    '/tenant/v1/traces',
  ])
  for (const { headers, body, path } of seen) {
    assert.equal(headers['api-key'], 'a=1', path)
    assert.equal(headers['x-two'], '2', path)
    assert.match(body, /"service.name","value":\{"stringValue":"my-edge"/, path)
    assert.match(body, /deployment.environment.name","value":\{"stringValue":"test bed"/, path)
    assert.match(body, /service.instance.id/, path)
  }
  const logs = seen.find(({ path }) => path.endsWith('/logs'))?.body ?? ''
  assert.match(logs, /at work/)
  assert.doesNotMatch(logs, /abc/)
  assert.match(logs, /\[hidden\]/)
})

test('programs of one process are told apart, and each says its own log records', async (t) => {
  const { foundation, log } = await foundationOf(t, { OTEL_SERVICE_NAME: 'shop' }, false)
  foundation.telemetryOf('edge')
  foundation.telemetryOf('seckill')
  log.child('seckill').warn('sold out')
  log.info('ready')
  t.after(() => foundation.close())
  assert.deepEqual(
    [...foundation.telemetries.values()].map(({ serviceName }) => serviceName),
    ['shop-edge', 'shop-seckill'],
  )
  assert.deepEqual(
    foundation.logs.list().map(({ body, resource }) => [body, resource['service.name']]),
    [
      ['ready', 'shop-process'],
      ['sold out', 'shop-seckill'],
    ],
  )
})

test('OTEL_SDK_DISABLED records and sends nothing', async (t) => {
  const { url, seen } = await receiver(t)
  const { foundation } = await foundationOf(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_SDK_DISABLED: 'true',
  })
  const telemetry = foundation.telemetryOf('edge')
  telemetry.tracer.startSpan('work').end()
  await foundation.close()
  assert.equal(telemetry.exposition(), '# EOF\n')
  assert.equal(foundation.traces.size.traces, 0)
  assert.deepEqual(seen, [])
})

test('always_off keeps no trace of its own, and those a caller chose', async (t) => {
  const { foundation } = await foundationOf(t, { OTEL_TRACES_SAMPLER: 'always_off' })
  const telemetry = foundation.telemetryOf('edge')
  t.after(() => foundation.close())
  for (let at = 0; at < 1000; at++) telemetry.tracer.startSpan('work').end()
  assert.equal(foundation.traces.size.traces, 0)
  telemetry
    .beginServer(
      {
        method: 'GET',
        path: '/',
        host: 'a',
        httpVersion: '1.1',
        secure: false,
        arrivedMs: systemClock.elapsed(),
        headers: { get: () => undefined },
      },
      '00-12345678901234567890123456789012-1234567890123456-01',
    )
    .end(200, '/')
  assert.equal(foundation.traces.size.traces, 1)
})
