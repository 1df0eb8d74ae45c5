import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import { adminToken } from '@spate/http/admin-token'
import type { Request } from '@spate/http/exchange'
import { createClient, type Client } from '@spate/http/client'
import { testRequest } from '@spate/http/test-request'
import { systemClock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { silentLog } from '@spate/runtime/log'
import { followStock, stockTopic } from '../stock-events.ts'
import {
  plain,
  startOrigin,
  startTestEdgeBefore,
  testToken,
  type TestEdge,
  type TestOrigin,
} from '../test-edge.ts'
import { CrewCalls, type Callee } from './crew-calls.ts'

interface TestCrew {
  readonly edges: readonly TestEdge[]
  readonly origin: TestOrigin
  readonly calls: CrewCalls
  readonly client: Client
  readonly leaving: Set<Callee>
  readonly posts: { worker: Callee | undefined }[]
}

/** Two edges in this process as the workers of a crew. */
async function startTestCrew(context: TestContext): Promise<TestCrew> {
  const shared = { 'cache-control': 'max-age=3600', 'cache-tag': 'stock:p' }
  const origin = await startOrigin(plain('7 left', shared))
  const edges = [await startTestEdgeBefore(origin), await startTestEdgeBefore(origin)]
  const posts = edges.map(({ url, adminUrl }) => ({
    worker: { ready: { traffic: url, admin: adminUrl } } as Callee | undefined,
  }))
  const client = createClient({ clock: systemClock })
  const leaving = new Set<Callee>()
  const calls = new CrewCalls({
    posts,
    leaving,
    client,
    adminToken: adminToken(testToken),
    clock: systemClock,
  })
  context.after(async () => {
    await client.close(AbortSignal.abort())
    for (const edge of edges) await edge.stopEdge()
    await origin.stop()
  })
  return { edges, origin, calls, client, leaving, posts }
}

const authorization = `Bearer ${testToken}`
const purgeAll = (more: Readonly<Record<string, string>> = {}): Request =>
  testRequest({ target: '/purge', headers: { authorization, ...more }, body: '{"all":true}' })

test('what the flash sale tells reaches every worker, and is counted once', async (context) => {
  const { edges, origin, calls } = await startTestCrew(context)
  const folder = await mkdtemp(join(tmpdir(), 'crew-'))
  const eventLog = await openEmbeddedEventLog({ folder, clock: systemClock })
  const purge = (tags: readonly string[], events: number): Promise<void> =>
    calls.purgeSold(tags, events)
  const following = followStock({ eventLog, log: silentLog, purge })
  context.after(async () => {
    await following.close()
    await eventLog.close()
    await rm(folder, { recursive: true, force: true })
  })
  for (const edge of edges) assert.equal((await edge.get('/p')).body, '7 left')
  origin.answer = plain('none left', { 'cache-control': 'max-age=3600' })
  const value = Buffer.from('{"type":"stock.soldout","productId":"p"}')
  await eventLog.publish(stockTopic, [{ key: 'p', value }])
  await following.caughtUp()
  for (const edge of edges) assert.equal((await edge.get('/p')).body, 'none left')
  const stats = await calls.answer(testRequest({ target: '/stats', headers: { authorization } }))
  const told = JSON.parse(stats.body as string) as { stockEvents: number; purged: number }
  assert.deepEqual([told.stockEvents, told.purged], [1, 2])
})

test('a change reaches workers on their way out, waits for a hand-over, and fails whole where one is away', async (context) => {
  const { edges, calls, leaving, posts } = await startTestCrew(context)
  const [first, second] = edges as [TestEdge, TestEdge]
  // The second one is leaving, and one more has left already.
  leaving.add(posts[1]?.worker as Callee)
  leaving.add({ ready: { traffic: '', admin: 'http://127.0.0.1:1' } })
  posts.pop()
  for (const edge of edges) await edge.get('/a')
  let handedOver = false
  let open: () => void = () => {}
  const handOver = calls.alone(async () => {
    await new Promise<void>((resolve) => (open = resolve))
    handedOver = true
  })
  const purged = calls.answer(purgeAll()).then((answer) => {
    assert.ok(handedOver, 'not while a folder changes hands')
    return answer
  })
  await new Promise(setImmediate)
  open()
  await handOver
  assert.equal((await purged).body, '{"purged":1}', 'who leaves is not counted')
  for (const edge of edges) assert.equal(edge.edge.store.memory.figures.objects, 0)
  await first.get('/a')
  posts.push({ worker: undefined })
  await assert.rejects(calls.answer(purgeAll()), { code: 'overloaded' })
  assert.equal(first.edge.store.memory.figures.objects, 1, 'nothing was changed')
  assert.equal(second.edge.statistics.purged, 1)
})

test('a purge fails where a worker on its way out does not answer: it may still serve what is purged', async (context) => {
  const { edges, client, leaving, posts } = await startTestCrew(context)
  const mute: Callee = { ready: { traffic: '', admin: 'http://mute.example' } }
  leaving.add(mute)
  const late: Client = {
    ...client,
    close: (signal) => client.close(signal),
    fetch: (url, options) =>
      String(url).startsWith('http://mute.example')
        ? Promise.reject(new Fault('upstream_timeout'))
        : client.fetch(url, options),
  }
  const calls = new CrewCalls({
    posts,
    leaving,
    client: late,
    clock: systemClock,
    adminToken: adminToken(testToken),
  })
  await assert.rejects(calls.answer(purgeAll()), { code: 'upstream_timeout' })
  leaving.delete(mute)
  await edges[0]?.get('/a')
  assert.equal((await calls.answer(purgeAll())).body, '{"purged":1}', 'gone, it is not asked')
})

test('one worker alone carries a purge on to other nodes, and none where it came from one', async (context) => {
  const { edges, calls } = await startTestCrew(context)
  const other = await startOrigin(plain('{"purged":0}', { 'content-type': 'application/json' }))
  context.after(() => other.stop())
  for (const { edge, url } of edges) edge.peers?.take([{ url: other.url, admin: other.url }], url)
  const answer = await calls.answer(purgeAll())
  const told = JSON.parse(answer.body as string) as { peers?: { acknowledged: string[] } }
  assert.deepEqual(told.peers?.acknowledged, [other.url])
  assert.equal(other.requests.length, 2, 'the two rounds of one node')
  await calls.answer(purgeAll({ 'spate-purge-hop': '1' }))
  assert.equal(other.requests.length, 2)
})
