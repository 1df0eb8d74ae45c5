import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import type { EventLog } from '@spate/eventlog/event-log'
import { systemClock } from '@spate/runtime/clock'
import { stockTopic } from './stock-events.ts'
import { plain, startOrigin, startTestEdgeBefore, type TestEdge } from './test-edge.ts'

const told = (productId: string, type = 'stock.soldout'): { key: string; value: Buffer } => ({
  key: productId,
  value: Buffer.from(JSON.stringify({ type, productId, epoch: 1, version: 2, remaining: 0 })),
})

async function openLog(folder: string): Promise<EventLog> {
  return openEmbeddedEventLog({ folder, clock: systemClock })
}

/** Waits for `count` events to be taken up: the log's own clock is the machine's. */
async function heard(it: TestEdge, count: number): Promise<void> {
  for (let n = 0; n < 250 && it.edge.statistics.stockEvents < count; n++)
    await systemClock.sleep(20)
  assert.equal(it.edge.statistics.stockEvents, count)
}

test('a product that is sold out is asked for anew, other products and other events change nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'stock-'))
  const eventLog = await openLog(folder)
  t.after(async () => {
    await eventLog.close()
    await rm(folder, { recursive: true, force: true })
  })
  const origin = await startOrigin((request, response) => {
    const tag = `stock:${request.url?.split('/').at(-1)}`
    plain('7 left', { 'cache-control': 'max-age=3600', 'cache-tag': tag })(request, response)
  })
  const it = await startTestEdgeBefore(origin, {}, { eventLog })
  const paths = ['/seckill/stock/a%20b', '/seckill/stock/p']
  for (const path of paths) await it.get(path)
  for (const path of paths) assert.match((await it.get(path)).headers['cache-status'] ?? '', /hit/)
  assert.equal(origin.requests.length, 2)

  origin.answer = plain('none left', { 'cache-control': 'max-age=3600' })
  const nothing = [{ key: 'p', value: Buffer.from('{"type":"price"}') }]
  await eventLog.publish(stockTopic, [...nothing, { key: 'p', value: Buffer.from('\u0000') }])
  await eventLog.publish(stockTopic, [told('a b'), told('x'.repeat(300))])
  await heard(it, 1)
  assert.equal((await it.get('/seckill/stock/a%20b')).body, 'none left')
  assert.equal((await it.get('/seckill/stock/p')).body, '7 left')
  assert.equal(origin.requests.length, 3, 'one product was asked for anew')
  assert.equal(it.edge.statistics.purged, 1)
  await it.stop()
})

test('what is told while the node is away, or while an answer is on its way, is taken up', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'stock-'))
  const dataDir = await mkdtemp(join(tmpdir(), 'stock-edge-'))
  const eventLog = await openLog(folder)
  t.after(async () => {
    await eventLog.close()
    for (const each of [folder, dataDir]) await rm(each, { recursive: true, force: true })
  })
  const shared = { 'cache-control': 'max-age=3600', 'cache-tag': 'stock:p' }
  const origin = await startOrigin(plain('7 left', shared))
  const changes = { diskBytes: 8 * 1024 ** 2 }
  const first = await startTestEdgeBefore(origin, changes, { eventLog, dataDir })
  await eventLog.publish(stockTopic, [told('p', 'stock.available')])
  await heard(first, 1)
  await first.get('/p')
  await first.stopEdge()

  await eventLog.publish(stockTopic, [told('p')])
  const second = await startTestEdgeBefore(origin, changes, { eventLog, dataDir })
  await heard(second, 1)
  const held: (() => void)[] = []
  origin.answer = (request, response) =>
    void held.push(() => plain('1 left', shared)(request, response))
  const asked = second.get('/p')
  while (held.length === 0) await systemClock.sleep(5)
  await eventLog.publish(stockTopic, [told('p')])
  await heard(second, 2)
  held[0]?.()
  assert.equal((await asked).body, '1 left')
  origin.answer = plain('none left', shared)
  assert.equal((await second.get('/p')).body, 'none left', 'the older answer was not stored')
  assert.equal(origin.requests.length, 3)
  await second.stop()
})
