import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testRequest } from '@spate/http/test-request'
import { SeededChance } from '@spate/runtime/chance'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { edgeRoute } from '../answers.ts'
import type { WindowAnswer } from '../contract.ts'
import { trafficView } from '../domain/traffic-view.ts'
import { fetchSeen, plain, startOrigin, startTestEdgeBefore, type TestEdge } from '../test-edge.ts'
import { detailedPerSecond, Traffic } from './traffic.ts'

async function stats(edge: TestEdge, query: string): Promise<WindowAnswer> {
  const { status, body } = await fetchSeen(`${edge.adminUrl}/stats?${query}`, edge.adminHeaders)
  assert.equal(status, 200, body)
  return JSON.parse(body) as WindowAnswer
}

const mixed = plain('x'.repeat(100), { 'cache-control': 'max-age=60' })

test('GET /stats?window= tells requests, status, hit ratio, bandwidth, latency, top lists and clients', async () => {
  const origin = await startOrigin((request, response) => {
    if (request.url?.startsWith('/bad')) return plain('no', {}, 503)(request, response)
    if (request.url?.startsWith('/mine'))
      return plain('yours', { 'cache-control': 'private' })(request, response)
    mixed(request, response)
  })
  const edge = await startTestEdgeBefore(origin)
  const from = (address: string): Record<string, string> => ({
    'x-forwarded-for': address,
    'user-agent': 'tester/1',
  })
  for (let at = 0; at < 10; at++) await edge.get('/page?secret=1', from(`203.0.113.${at % 2}`))
  await edge.get('/bad', from('198.51.100.1'))
  await edge.get('/mine', from('198.51.100.1'))
  await edge.get('/mine', { ...from('198.51.100.1') }, 'POST')
  await edge.get('/health/live')
  await edge.get('/metrics')
  edge.clock.advance(10_000)
  const view = await stats(edge, 'window=60')
  assert.equal(view.requests, 13, 'health and metrics are no traffic')
  assert.deepEqual(view.status, { '2xx': 12, '5xx': 1 })
  assert.deepEqual(view.codes, { 200: 12, 503: 1 })
  assert.deepEqual(view.cache, { hit: 9, stale: 0, miss: 3, pass: 1, none: 0 })
  assert.equal(view.hitRatio, 9 / 13)
  assert.equal(view.errorRate, 1 / 13)
  assert.deepEqual(view.bandwidth, {
    bytes: 1000 + 2 + 5 + 5,
    bytesPerSecond: 101.2,
    fromCache: 900,
  })
  assert.equal(view.requestsPerSecond, 1.3)
  assert.ok((view.latency.p99 ?? 0) > 0 && (view.latency.p50 ?? 0) <= (view.latency.p99 ?? 0))
  const host = new URL(edge.url).host
  assert.deepEqual(view.top.paths[0], { host, path: '/page', requests: 10, error: 0 })
  assert.deepEqual(view.top.clients, [
    { client: '203.0.113.0', requests: 10, error: 0 },
    { client: '198.51.100.0', requests: 3, error: 0 },
  ])
  assert.deepEqual(view.top.agents, [{ agent: 'tester/1', requests: 13, error: 0 }])
  assert.equal(view.uniques.clients, 3, 'counted by whole addresses, though none is shown')
  assert.ok(!JSON.stringify(view).includes('secret'), 'no query is held')
  assert.equal(view.origins.length, 1)
  assert.equal((await stats(edge, 'window=60&top=1')).top.paths.length, 1)
  edge.clock.advance(70_000)
  assert.equal((await stats(edge, 'window=60')).requests, 0)
  assert.equal((await stats(edge, 'window=3600')).requests, 13)
  const total = await fetchSeen(`${edge.adminUrl}/stats`, edge.adminHeaders)
  assert.equal(
    (JSON.parse(total.body) as { hits: number }).hits,
    9,
    'without a window: since the start',
  )
  await edge.stop()
})

test('addresses are shown whole only where that was asked for', async () => {
  const edge = await startTestEdgeBefore(await startOrigin(mixed), {}, { wholeAddresses: true })
  await edge.get('/a', { 'x-forwarded-for': '203.0.113.77' })
  assert.equal((await stats(edge, 'window=60')).top.clients[0]?.client, '203.0.113.77')
  await edge.stop()
})

test('a window is 1 to 3600 whole seconds; a top list has at most 1000 entries; the token is asked for', async () => {
  const edge = await startTestEdgeBefore(await startOrigin(mixed))
  const table: readonly (readonly [string, number])[] = [
    ['window=0', 422],
    ['window=1', 200],
    ['window=3600', 200],
    ['window=3601', 422],
    ['window=1.5', 422],
    ['window=x', 422],
    ['window=60&top=1000', 200],
    ['window=60&top=1001', 422],
    ['windows=60', 422],
  ]
  for (const [query, status] of table) {
    const seen = await fetchSeen(`${edge.adminUrl}/stats?${query}`, edge.adminHeaders)
    assert.equal(seen.status, status, query)
    if (status === 422) assert.match(seen.body, /window|top/)
  }
  assert.equal((await fetchSeen(`${edge.adminUrl}/stats?window=60`)).status, 401)
  await edge.stop()
})

/** A node that sees `requests` in each of `seconds` seconds; path `/n` every n-th time. */
function busy(requests: number, seconds: number): Traffic {
  const clock = new VirtualClock(0)
  const traffic = new Traffic({
    clock,
    chance: new SeededChance(5),
    seed: 9,
    wholeAddresses: true,
    hitSpan: () => {},
  })
  const answer = { status: 200, headers: [], route: edgeRoute, body: '' }
  for (let second = 0; second < seconds; second++) {
    for (let at = 0; at < requests; at++) {
      const target = at % 4 === 0 ? '/quarter' : `/rest-${at % 100}`
      const clientAddress = `10.${second}.${(at >> 8) & 255}.${at & 255}`
      traffic.answered(testRequest({ target, clientAddress }), answer, 1, false)
    }
    clock.advance(1000)
  }
  return traffic
}

test('however much comes, about 2000 requests a second are looked at closely, and stand for all', () => {
  const traffic = busy(40_000, 3)
  const view = trafficView(traffic.over(60), { window: 60, most: 1 })
  assert.equal(view.requests, 120_000)
  const looked = view.detailShare * view.requests
  // The first second begins by looking at all, and halves the share with each further 1000; the
  // others know what to expect.
  const first = detailedPerSecond + (detailedPerSecond / 2) * Math.log2(40_000 / detailedPerSecond)
  assert.ok(looked >= 2 * detailedPerSecond, `${looked}`)
  assert.ok(looked <= first + 2 * detailedPerSecond * 1.1, `${looked}`)
  const [top] = view.top.paths
  assert.equal(top?.path, '/quarter')
  assert.ok(Math.abs((top?.requests ?? 0) - 30_000) < 3000, `${top?.requests} for 30000`)
  assert.ok(Math.abs(view.uniques.clients - 120_000) < 120_000 * 0.025, `${view.uniques.clients}`)
  traffic.close()
})

test('up to 2000 requests a second, each is looked at', () => {
  for (const requests of [1999, 2000]) {
    const traffic = busy(requests, 2)
    assert.equal(trafficView(traffic.over(60), { window: 60, most: 1 }).detailShare, 1)
    traffic.close()
  }
  const traffic = busy(2001, 2)
  assert.ok(trafficView(traffic.over(60), { window: 60, most: 1 }).detailShare < 1)
  traffic.close()
})

test('edge.bandwidth counts body bytes by result, edge.error_rate every 5xx, the origin’s too', async () => {
  const telemetry = createTelemetry({ serviceName: 'spate-edge' })
  const origin = await startOrigin((request, response) =>
    request.url === '/bad' ? plain('no', {}, 503)(request, response) : mixed(request, response),
  )
  const edge = await startTestEdgeBefore(origin, {}, { telemetry })
  telemetry.exposition()
  for (const path of ['/a', '/a', '/a', '/bad']) await edge.get(path)
  edge.clock.advance(1000)
  const text = telemetry.exposition()
  assert.match(text, /^edge_bandwidth_bytes_total\{edge_cache_result="hit"\} 200$/m)
  assert.match(text, /^edge_bandwidth_bytes_total\{edge_cache_result="miss"\} 102$/m)
  assert.match(text, /^edge_error_rate(?:_ratio)?(?:\{\})? 0\.25$/m)
  assert.match(text, /^edge_qps(?:\{\})? 4$/m)
  await edge.stop()
  await telemetry.shutdown()
})
