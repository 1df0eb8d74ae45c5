import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cacheResultOf } from './cache-result.ts'
import { parseFilter, type LogRecord } from './log-filter.ts'
import { pathKey, trafficView } from './traffic-view.ts'
import { placeOfResult, TrafficSlot } from './traffic-slot.ts'
import { fineMs, TrafficWindow } from './traffic-window.ts'

test('Cache-Status tells what this cache did, whatever caches nearer the origin did', () => {
  const table: readonly (readonly [string | undefined, string])[] = [
    ['spate; hit; ttl=59; key="http://a/"', 'hit'],
    ['Origin; fwd=miss, spate; hit; ttl=59', 'hit'],
    ['spate; hit, spate; fwd=uri-miss; stored', 'miss'],
    ['spate; hit; ttl=-3; detail=stale-while-revalidate', 'stale'],
    ['spate; fwd=stale; fwd-status=503; detail=stale-if-error', 'stale'],
    ['spate; fwd=stale; fwd-status=304; stored', 'miss'],
    ['spate; fwd=method; fwd-status=200', 'pass'],
    ['spate; fwd=bypass', 'pass'],
    ['spate; detail=host', 'none'],
    [undefined, 'none'],
    ['Other; hit', 'none'],
  ]
  for (const [field, result] of table) assert.equal(cacheResultOf(field), result, field ?? 'none')
})

/** Counts `requests` hits of 200 with 10 bytes and a path into the slot of now. */
function see(window: TrafficWindow, requests: number, path = '/a'): void {
  for (let at = 0; at < requests; at++) {
    window.current.count(200, placeOfResult.hit, 10)
    window.current.tops.paths.add(pathKey(false, 'shop.test', path))
  }
}

test('a window holds what the last seconds saw: a minute in steps of 5 s, an hour in steps of 5 min', () => {
  const window = new TrafficWindow(0)
  for (let slot = 0; slot < 800; slot++) {
    see(window, 1)
    window.roll((slot + 1) * fineMs)
  }
  const now = 800 * fineMs
  const requests = (seconds: number): number => window.over(seconds, now).slot.requests
  assert.equal(requests(5), 1)
  assert.equal(requests(6), 2)
  assert.equal(requests(60), 12)
  assert.equal(window.over(60, now).seconds, 60)
  // 20 slots are in the open coarse one: beyond a minute it is taken whole.
  assert.equal(requests(61), 20)
  assert.equal(requests(3600), 20 + 12 * 60)
  see(window, 3)
  assert.equal(requests(5), 4)
  assert.equal(requests(3600), 20 + 12 * 60 + 3)
})

test('an idle window says nothing was asked, and divides by nothing', () => {
  const view = trafficView(new TrafficWindow(5).over(60, 5), { window: 60, most: 5 })
  assert.deepEqual(
    [view.requests, view.hitRatio, view.errorRate, view.requestsPerSecond, view.latency],
    [0, 0, 0, 0, {}],
  )
})

test('a slot that travelled says the same, and slots of two workers add up', () => {
  const one = new TrafficSlot()
  one.count(200, placeOfResult.hit, 100)
  one.count(503, placeOfResult.miss, 7)
  one.durations.add(3, 2)
  one.clients.add(0x12345678)
  one.tops.paths.add('http://a/x', 2)
  one.detailed = 2
  const travelled = TrafficSlot.of(JSON.parse(JSON.stringify(one.data())) as never)
  const view = (slot: TrafficSlot): object =>
    trafficView({ slot, seconds: 1 }, { window: 1, most: 9 })
  assert.deepEqual(view(travelled), view(one))
  const sum = new TrafficSlot()
  sum.merge([one, travelled])
  const { status, bandwidth, uniques, top, hitRatio } = view(sum) as ReturnType<typeof trafficView>
  assert.deepEqual(status, { '2xx': 2, '5xx': 2 })
  assert.deepEqual(bandwidth, { bytes: 214, bytesPerSecond: 214, fromCache: 200 })
  assert.equal(uniques.clients, 1)
  assert.equal(hitRatio, 0.5)
  assert.deepEqual(top.paths, [{ host: 'a', path: '/x', requests: 4, error: 0 }])
})

const record: LogRecord = {
  time: '2026-01-01T00:00:00.000Z',
  method: 'GET',
  host: 'shop.test',
  path: '/en/tea',
  status: 404,
  cache: 'miss',
  bytes: 120,
  ms: 1.5,
  client: '203.0.113.0',
  agent: 'Mozilla/5.0 (X11)',
}

test('a filter holds where all its terms do', () => {
  const holds = [
    '',
    'status=404',
    'status>=404 status<=404 status<405 status>403 status!=403',
    'ms>1.4 bytes<121',
    'path^=/en cache=miss method!=POST',
    'agent~"Mozilla/5.0 (X11)"  host~shop',
  ]
  const not = [
    'status=200',
    'path^=/de',
    'status=404 cache=hit',
    'agent~curl',
    'ms>2',
    'host!=shop.test',
  ]
  for (const [texts, wanted] of [
    [holds, true],
    [not, false],
  ] as const)
    for (const text of texts) {
      const parsed = parseFilter(text)
      assert.ok(parsed.kind === 'filter', text)
      assert.equal(parsed.matches(record), wanted, text)
    }
})

test('a filter that means nothing is refused with the term and what was expected', () => {
  const table: readonly (readonly [string, string])[] = [
    ['status', 'a field, an operator'],
    ['status >= 500', 'a field, an operator'],
    ['status>=5xx', 'a number'],
    ['status>=-1', 'a number'],
    ['status~500', '= != < <= > >='],
    ['path>5', '= != ^= ~'],
    ['cookie=1', 'status, bytes, ms, method, host, path, cache, client, agent'],
    ['constructor=1', 'status, bytes, ms'],
    ['path="/a', 'a field, an operator'],
    ['path=/a or status=2', 'a field, an operator'],
  ]
  for (const [text, expected] of table) {
    const parsed = parseFilter(text)
    assert.ok(parsed.kind === 'refused' && parsed.expected.includes(expected), text)
  }
})

test('a filter has at most 512 letters and 16 terms', () => {
  const letters = (count: number): string => `path=${'a'.repeat(count - 5)}`
  assert.equal(parseFilter(letters(511)).kind, 'filter')
  assert.equal(parseFilter(letters(512)).kind, 'filter')
  assert.equal(parseFilter(letters(513)).kind, 'refused')
  const terms = (count: number): string => Array.from({ length: count }, () => 'ms>1').join(' ')
  assert.equal(parseFilter(terms(15)).kind, 'filter')
  assert.equal(parseFilter(terms(16)).kind, 'filter')
  assert.equal(parseFilter(terms(17)).kind, 'refused')
})
