import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import { systemClock } from '@spate/runtime/clock'
import { openRoom } from '../seckill-room.ts'
import type { StockFlagJson } from './contract.ts'
import { stockTopic } from './stock-flags.ts'

const gist = ({ type, epoch, version }: StockFlagJson): string => `${type} ${epoch}/${version}`

test('sold out and available again are pushed by events and topic, each version once, and anew after a start', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'flags-'))
  const eventLog = await openEmbeddedEventLog({ folder, clock: systemClock })
  const sale = await openRoom({}, eventLog)
  t.after(async () => {
    await sale.close()
    await eventLog.close()
    await rm(folder, { recursive: true, force: true })
  })
  const topic: string[] = []
  eventLog.subscribe({
    topic: stockTopic,
    group: 'test',
    from: 'earliest',
    handler: (events) => {
      for (const { value } of events)
        topic.push(gist(JSON.parse(Buffer.from(value).toString()) as StockFlagJson))
      return Promise.resolve()
    },
  })
  const leave = new AbortController()
  const stream = await fetch(`${sale.url}/seckill/stock`, {
    headers: { accept: 'text/event-stream' },
    signal: leave.signal,
  })
  const heard: string[] = []
  const listening = (async () => {
    const decoder = new TextDecoder()
    for await (const bytes of stream.body ?? [])
      for (const [, json] of decoder.decode(bytes).matchAll(/^data: (.*)$/gm))
        heard.push(gist(JSON.parse(json ?? '') as StockFlagJson))
  })().catch(() => {})
  const reached = async (list: readonly string[], what: string, times = 1): Promise<void> => {
    const count = (): number => list.filter((one) => one === what).length
    for (let n = 0; n < 100 && count() < times; n++)
      await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(count(), times, `${what} in ${list.join(', ')}`)
  }
  await sale.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 1 })
  await reached(heard, 'stock.available 1/1')
  const bought = await sale.call('POST', '/seckill/purchase', { userId: 'ann', productId: 'p' })
  await reached(heard, 'stock.soldout 1/2')
  assert.equal((await sale.call('GET', '/seckill/stock/p')).headers.get('cache-tag'), 'stock:p')
  await sale.call('POST', `/seckill/orders/${String(bought.body['orderId'])}/cancel`)
  await reached(heard, 'stock.available 1/3')
  await reached(topic, 'stock.available 1/3')
  assert.deepEqual(heard, ['stock.available 1/1', 'stock.soldout 1/2', 'stock.available 1/3'])
  leave.abort()
  await listening
  await sale.restart()
  await reached(topic, 'stock.available 1/3', 2)
  const list = await sale.call('GET', '/seckill/stock')
  assert.equal((list.body['stock'] as StockFlagJson[])[0]?.version, 3)
})
