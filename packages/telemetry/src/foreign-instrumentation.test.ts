import assert from 'node:assert/strict'
import type * as http from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { SpanKind } from '@opentelemetry/api'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import type { SpanRecord } from './span-record.ts'
import { createTelemetry } from './telemetry.ts'

test('the http and undici instrumentations make one trace through our provider, unchanged', async (t) => {
  const spans: SpanRecord[] = []
  const telemetry = createTelemetry({
    serviceName: 'foreign',
    sinks: [(some) => spans.push(...some)],
  })
  t.after(() => telemetry.shutdown())
  t.after(telemetry.register())
  const instrumentations = [new HttpInstrumentation(), new UndiciInstrumentation()]
  for (const one of instrumentations) {
    one.setTracerProvider(telemetry.tracerProvider)
    one.setMeterProvider(telemetry.meterProvider)
    one.enable()
    t.after(() => one.disable())
  }
  // The instrumentation patches what is required after it, so not the import above.
  const patched = createRequire(import.meta.url)('node:http') as typeof http
  const server = patched
    .createServer((_request, response) => response.end('ok'))
    .listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const answer = await fetch(`http://127.0.0.1:${port}/things?token=secret`)
  await answer.text()
  await new Promise((resolve) => server.close(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(spans.length, 2, 'a server span and a client span')
  const [client, served] = [
    spans.find(({ kind }) => kind === SpanKind.CLIENT),
    spans.find(({ kind }) => kind === SpanKind.SERVER),
  ]
  assert.equal(served?.traceId, client?.traceId)
  assert.equal(served?.parentSpanId, client?.spanId)
  assert.equal(JSON.stringify(spans).includes('secret'), false, 'a query does not leave')
})
