/** Whole edges that share a real Redis, which is killed, held and started again under them. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { request as send } from 'undici'
import { adminToken } from '@spate/http/admin-token'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { silentLog } from '@spate/runtime/log'
import { noRedis, RedisServer } from '@spate/state/redis-server'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { settingsFor } from '../conformance/subjects.ts'
import { startEdge } from '../main.ts'
import type { EdgeSettings } from '../settings.ts'
import { fetchSeen, startOrigin, type Seen, type TestOrigin } from '../test-edge.ts'
import type { SharedFigures } from './shared-tier.ts'

const token = 'a-token-for-tests-only'
const telemetry = createTelemetry({ serviceName: 'shared-edges' })
let redis: RedisServer
let origin: TestOrigin
const stops: (() => Promise<unknown>)[] = []

interface TestNode {
  readonly figures: SharedFigures
  get(path: string, headers?: Record<string, string>): Promise<Seen>
  purge(order: object): Promise<{ purged: number; shared?: { owed: number } }>
  text(path: string): Promise<string>
  stop(): Promise<void>
}

async function startNode(changes: Partial<EdgeSettings> = {}): Promise<TestNode> {
  const running = await startEdge({
    settings: settingsFor(origin.url, {
      store: 'redis',
      redis: redis.url,
      // A busy machine must not look like a slow Redis, save where that is the matter.
      sharedLookupMs: 10_000,
      ...changes,
    }),
    clock: systemClock,
    chance: new SeededChance(1),
    log: silentLog,
    telemetry,
    dataDir: tmpdir(),
    adminToken: adminToken(token),
  })
  stops.push(() => running.stop())
  const { traffic, admin } = running.urls
  const node: TestNode = {
    get figures() {
      return running.edge.shared?.figures ?? assert.fail('no shared tier')
    },
    // All nodes speak for one host; their own ports are in no key.
    get: (path, headers) => fetchSeen(`${traffic}${path}`, { host: 'shop.example', ...headers }),
    purge: async (order) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const body = JSON.stringify(order)
      const answer = await send(`${admin}/purge`, { method: 'POST', headers, body })
      return (await answer.body.json()) as { purged: number }
    },
    text: async (path) => (await send(`${admin}${path}`)).body.text(),
    stop: () => running.stop(),
  }
  if (changes.redis === undefined) await until(() => node.figures.state !== 'away')
  return node
}

/** Waits until `done` says so; the test's own limit of time is the only one. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(5)
}

const statusOf = (seen: Seen): string => seen.headers['cache-status'] ?? ''
const shared = /^spate; hit; ttl=\d+; .*detail=shared$/

describe('edges that share a Redis', { skip: noRedis, timeout: 120_000 }, () => {
  before(async () => {
    redis = await RedisServer.start()
  })
  beforeEach(async () => {
    origin = await startOrigin((request, response) => {
      const [, kind = '', ...rest] = (request.url ?? '').split('/')
      response.setHeader('cache-control', kind === 'private' ? 'private' : 'max-age=600')
      response.setHeader('cache-tag', `of-${kind}`)
      response.setHeader('etag', '"one"')
      if (kind === 'cookie') response.setHeader('set-cookie', 'a=1')
      if (kind === 'vary') response.setHeader('vary', 'x-kind')
      response.end(
        `${rest.join('/')} ${String(request.headers['x-kind'] ?? '')} ${origin.requests.length}`,
      )
    })
  })
  after(async () => {
    for (const stop of stops.splice(0)) await stop()
    await redis.stop()
  })

  test('one asks the origin, the others have it from Redis, and then of their own', async () => {
    const [a, b] = [await startNode(), await startNode()]
    const first = await a.get('/page/1')
    assert.match(statusOf(first), /fwd=uri-miss; fwd-status=200; .*stored/)
    await until(() => a.figures.writes === 1)
    const seen = await b.get('/page/1')
    assert.equal(seen.body, first.body)
    assert.match(statusOf(seen), shared)
    assert.ok('age' in seen.headers)
    assert.match(statusOf(await b.get('/page/1')), /^spate; hit; ttl=\d+; key="[^"]+"$/)
    const known = await (await startNode()).get('/page/1', { 'if-none-match': '"one"' })
    assert.equal(known.status, 304)
    assert.match(statusOf(known), shared)
    assert.equal(origin.requests.length, 1)
    assert.deepEqual([b.figures.hits, b.figures.misses, b.figures.errors], [1, 0, 0])
    assert.match(await b.text('/metrics'), /edge_shared_lookups_total\{[^}]*"hit"[^}]*\} [1-9]/)
    assert.match(await b.text('/health/ready'), /"shared":\{"ready":true/)
  })

  test('a crowd for one page is one look-up; variants are told apart', async () => {
    const [a, b] = [await startNode(), await startNode()]
    for (const kind of ['x', 'y']) await a.get('/vary/2', { 'x-kind': kind })
    await until(() => a.figures.writes === 2)
    const crowd = await Promise.all(
      Array.from({ length: 50 }, () => b.get('/vary/2', { 'x-kind': 'y' })),
    )
    for (const { body } of crowd) assert.match(body, /^2 y /)
    assert.equal(b.figures.hits, 1)
    assert.match((await b.get('/vary/2', { 'x-kind': 'x' })).body, /^2 x /)
    assert.equal(origin.requests.length, 2)
  })

  test('what one client alone may have never goes there', async () => {
    const a = await startNode({ setCookie: 'store' })
    await a.get('/private/3')
    await a.get('/cookie/3')
    await a.get('/page/3', { authorization: 'Basic eDp5' })
    await a.get('/page/3', { 'cache-control': 'no-store' })
    await a.get('/page/3', { range: 'bytes=0-1' })
    const { writes, refused } = a.figures
    assert.deepEqual([writes, refused], [0, 1])
  })

  for (const order of [
    { tags: ['of-page'] },
    { prefixes: ['http://shop.example/page/'] },
    { all: true },
  ])
    test(`purged by ${JSON.stringify(order)}: a node that was not there has it no more`, async () => {
      const [a, b] = [await startNode(), await startNode()]
      const old = await a.get('/page/4')
      await until(() => a.figures.writes === 1)
      await b.stop()
      assert.deepEqual(await a.purge(order), { purged: 1, shared: { owed: 0 } })
      const late = await startNode()
      const fresh = await late.get('/page/4')
      assert.notEqual(fresh.body, old.body)
      assert.match(statusOf(fresh), /fwd=uri-miss/)
      assert.equal((await a.get('/page/4')).body, fresh.body)
      assert.equal(origin.requests.length, 2)
    })

  test('a fill that was under way when another node purged does not come back from Redis', async () => {
    const [a, b] = [await startNode(), await startNode()]
    const held = Promise.withResolvers<void>()
    const { answer } = origin
    origin.answer = (request, response) => void held.promise.then(() => answer(request, response))
    const slow = a.get('/page/5')
    await until(() => origin.requests.length === 1)
    await b.purge({ tags: ['of-page'] })
    held.resolve()
    await slow
    await until(() => a.figures.writes === 1)
    origin.answer = answer
    assert.match(statusOf(await b.get('/page/5')), /fwd=uri-miss/)
    assert.match(statusOf(await (await startNode()).get('/page/5')), shared)
  })

  test('killed and started again: every request is answered, and nothing old is given', async () => {
    const [a, b] = [await startNode(), await startNode()]
    await a.get('/page/6')
    await until(() => a.figures.writes === 1)
    await redis.kill()
    await until(() => b.figures.state === 'away')
    for (let at = 0; at < 20; at++) assert.equal((await b.get(`/page/6-${at}`)).status, 200)
    assert.deepEqual(await a.purge({ tags: ['of-page'] }), { purged: 1, shared: { owed: 1 } })
    assert.match(await b.text('/health/ready'), /"status":"ready".*"shared":\{"ready":false/)
    await redis.start()
    await until(() => b.figures.state !== 'away' && a.figures.owed === 0)
    await b.get('/page/7')
    await until(() => b.figures.writes === 1)
    assert.match(statusOf(await a.get('/page/7')), shared)
  })

  test('held under load: no request waits longer than the rest of a look-up, then nobody asks', async () => {
    const node = await startNode({ sharedLookupMs: 50 })
    const over = new AbortController()
    const statuses = new Map<number, number>()
    let at = 0
    const lanes = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) {
        const { status } = await node.get(`/page/8-${at++}`)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    })
    await until(() => (statuses.get(200) ?? 0) > 20)
    redis.signal('SIGSTOP')
    try {
      await until(() => node.figures.state === 'open')
      const before = statuses.get(200) ?? 0
      await until(() => (statuses.get(200) ?? 0) > before + 100)
    } finally {
      redis.signal('SIGCONT')
    }
    const { writes } = node.figures
    await until(() => node.figures.state === 'closed' && node.figures.writes > writes)
    over.abort()
    await Promise.all(lanes)
    assert.deepEqual([...statuses.keys()], [200])
    assert.ok(node.figures.errors >= 3 && node.figures.skipped > 0)
  })

  test('a Redis that is nowhere, or is asked for without an address', async () => {
    const node = await startNode({ redis: 'redis://127.0.0.1:1' }).catch(assert.fail)
    assert.equal((await node.get('/page/9')).status, 200)
    await assert.rejects(
      startNode({ redis: undefined }),
      (caught) => caught instanceof Fault && caught.code === 'settings_invalid',
    )
  })
})
