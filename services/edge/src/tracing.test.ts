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

test('a hit is an edge.request with cache.hit where its trace is sampled, and no span where it is not', async () => {
  const seen: SpanRecord[] = []
  const telemetry = createTelemetry({
    serviceName: 'spate-edge',
    sampling: { strategy: 'fixed', rate: 0.0001 },
    sinks: [(spans) => void seen.push(...spans)],
  })
  const it = await startTestEdge(plain('x', { 'cache-control': 'max-age=60' }), {}, telemetry)
  const caller = (traceId: string, flags: string): Record<string, string> => ({
    traceparent: `00-${traceId}-b7ad6b7169203331-${flags}`,
  })
  const [kept, dropped] = ['1af7651916cd43dd8448eb211c80319c', '2af7651916cd43dd8448eb211c80319c']
  await it.get('/a', caller(dropped, '00'))
  await it.get('/a', caller(dropped, '00'))
  // A plain hit, and one that is answered by another path: a range.
  await it.get('/a', caller(kept, '01'))
  await it.get('/a', { ...caller(kept, '01'), range: 'bytes=0-0' })
  await telemetry.flush()
  const hits = seen.filter(({ name, traceId }) => name === 'edge.request' && traceId === kept)
  assert.equal(hits.length, 2)
  for (const hit of hits)
    assert.deepEqual(
      { ...hit.attributes },
      {
        'cache.hit': true,
        'edge.cache.result': 'hit',
        'node.id': hostname(),
        'node.region': 'local',
      },
    )
  assert.ok(!seen.some(({ traceId }) => traceId === dropped))
  await it.stop()
})

test('metrics tell how each origin does: healthy, breaker, ejections, retries, hedges, under way', async () => {
  const telemetry = createTelemetry({ serviceName: 'spate-edge' })
  const it = await startTestEdge(plain('x'), { breakerFailuresMax: 1 }, telemetry)
  const port = new URL(it.origin.url).port
  const at = `edge_site="default",server_address="127\\.0\\.0\\.1",server_port="${port}"`
  const state = (name: string, value: number): RegExp =>
    new RegExp(`^edge_origin_breaker\\{edge_origin_state="${name}",${at}\\} ${value}$`, 'm')
  assert.match(telemetry.exposition(), state('closed', 1))
  await it.origin.stop()
  for (let at = 0; at < 10; at++) await it.get('/a', {}, 'POST')
  const text = telemetry.exposition()
  assert.match(text, state('closed', 0))
  assert.match(text, state('open', 1))
  assert.match(text, new RegExp(`^edge_origin_healthy\\{${at}\\} 1$`, 'm'))
  assert.match(text, new RegExp(`^edge_origin_ejections_total\\{${at}\\} 0$`, 'm'))
  assert.match(text, /^edge_origin_retries_total\{edge_site="default"\} 0$/m)
  assert.match(text, /^edge_origin_hedges_total\{edge_site="default"\} 0$/m)
  assert.match(
    text,
    new RegExp(
      `^http_client_active_requests\\{server_address="127\\.0\\.0\\.1",server_port="${port}"\\} 0$`,
      'm',
    ),
  )
  await it.stop()
})
