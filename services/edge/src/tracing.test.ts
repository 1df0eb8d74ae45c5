import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import type { SpanRecord } from '@spate/telemetry/span-record'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { plain, startTestEdge } from './test-edge.ts'

test("a request that goes forward is edge.request and origin.fetch in the client's trace", async () => {
  const seen: SpanRecord[] = []
  const telemetry = createTelemetry({
    serviceName: 'spate-edge',
    sampling: { strategy: 'fixed', rate: 1 },
    sinks: [(spans) => void seen.push(...spans)],
  })
  const it = await startTestEdge(plain('x', { 'cache-control': 'max-age=60' }), {}, telemetry)
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  await it.get('/a', { traceparent: `00-${traceId}-b7ad6b7169203331-01` })
  await it.get('/a')
  const sent = String(it.origin.requests[0]?.headers['traceparent'])
  assert.match(sent, new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
  assert.notEqual(sent.slice(36, 52), 'b7ad6b7169203331', "the origin's parent is our span")
  const names = seen.filter((span) => span.traceId === traceId).map(({ name }) => name)
  assert.ok(names.includes('edge.request') && names.includes('origin.fetch'), names.join())
  const attributesOf = (name: string): Record<string, unknown> => ({
    ...seen.find((span) => span.name === name)?.attributes,
  })
  const forward = { 'cache.hit': false, 'node.id': hostname(), 'node.region': 'local' }
  assert.deepEqual(attributesOf('edge.request'), forward)
  const { 'server.port': port, ...fetched } = attributesOf('origin.fetch')
  assert.deepEqual(fetched, {
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'server.address': '127.0.0.1',
    'url.path': '/a',
  })
  assert.equal(typeof port, 'number')
  const text = telemetry.exposition()
  assert.match(text, /^http_client_request_duration_seconds_count\{[^}]*server_port="\d+"\} 1/m)
  assert.match(text, /^cache_hits_total\{[^}]*\} 1/m)
  assert.match(text, /^cache_requests_total\S* 2/m)
  await it.stop()
})
