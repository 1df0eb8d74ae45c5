import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import type { OrderView } from './domain/command.ts'
import { orderStatuses, type OrderStatus } from './domain/order-table.ts'
import { OrderWatch } from './order-watch.ts'
import { openRoom, type SeckillRoom } from './seckill-room.ts'

/** Reads a stream of events until `until` is true of what came so far. */
async function listen(
  room: SeckillRoom,
  orderId: string,
  until: (text: string) => boolean,
  lastEventId?: string,
): Promise<{ status: number; text: string }> {
  const stop = new AbortController()
  const headers: Record<string, string> = lastEventId ? { 'last-event-id': lastEventId } : {}
  const url = `${room.url}/seckill/orders/${orderId}/events`
  const answer = await fetch(url, { headers, signal: stop.signal })
  let text = ''
  if (answer.status === 200) {
    const decoder = new TextDecoder()
    for await (const piece of answer.body ?? []) {
      text += decoder.decode(piece as Uint8Array)
      if (until(text)) break
    }
  }
  stop.abort()
  return { status: answer.status, text }
}

const ids = (text: string): string[] => [...text.matchAll(/^id: (\w+)$/gm)].map(([, id = '']) => id)

async function orderIn(room: SeckillRoom): Promise<string> {
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 1 })
  const buy = { userId: 'ann', productId: 'p' }
  return String((await room.call('POST', '/seckill/purchase', buy)).body['orderId'])
}

test('an order is followed by server-sent events, over a reconnect, until it is final', async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  const id = await orderIn(room)
  const first = listen(room, id, (text) => ids(text).includes('paid'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  await room.call('POST', `/seckill/orders/${id}/pay`, { paymentId: 'm' })
  assert.deepEqual(ids((await first).text), ['reserved', 'paid'])
  assert.match((await first).text, /^event: order\nid: reserved\ndata: \{"orderId":/)
  const again = listen(room, id, () => false, 'paid')
  await room.call('POST', `/seckill/orders/${id}/cancel`)
  // The final status ends the stream from our side.
  assert.deepEqual(ids((await again).text), ['refunded'])
  assert.equal((await listen(room, id, () => true, 'refunded')).status, 204)
  assert.equal((await listen(room, 'nope', () => true)).status, 404)
  assert.deepEqual(ids((await listen(room, id, () => true, 'what?')).text), ['refunded'])
})

test('as many streams and waiting calls as the setting says, and no more', async (t) => {
  const room = await openRoom({ orderWatchersMax: 2 })
  t.after(() => room.close())
  const id = await orderIn(room)
  const one = listen(room, id, (text) => ids(text).length > 1)
  const wait = room.call('GET', `/seckill/orders/${id}?wait=20000&after=reserved`)
  await new Promise((resolve) => setTimeout(resolve, 100))
  const more = await room.call('GET', `/seckill/orders/${id}/events`)
  assert.deepEqual(
    [more.status, more.body['code'], more.headers.get('retry-after')],
    [503, 'overloaded', '1'],
  )
  const waits = await room.call('GET', `/seckill/orders/${id}?wait=1&after=reserved`)
  assert.equal(waits.status, 503)
  assert.equal(
    (await room.call('GET', `/seckill/orders/${id}`)).status,
    200,
    'a plain read is free',
  )
  await room.call('POST', `/seckill/orders/${id}/pay`, { paymentId: 'm' })
  assert.equal((await wait).body['status'], 'paid')
  assert.deepEqual(ids((await one).text), ['reserved', 'paid'])
  assert.equal((await room.call('GET', `/seckill/orders/${id}?wait=1&after=paid`)).status, 200)
})

test('a silent stream beats, and one that is let go costs nothing more', async () => {
  const clock = new VirtualClock()
  let status: OrderStatus = 'reserved'
  const order = (): OrderView => ({ orderId: 'a', status }) as OrderView
  const ledger = {
    durableOrder: () => Promise.resolve(order()),
    slotOf: () => 0,
    statusOf: () => status,
  }
  const watch = new OrderWatch(ledger, clock, 1)
  const stop = new AbortController()
  const seen: string[] = []
  const reading = (async () => {
    for await (const each of watch.follow('a', undefined, 1000, stop.signal))
      seen.push(each?.status ?? 'beat')
  })()
  for (let at = 0; at < 205; at++) {
    if (at === 120) status = 'expired'
    await clock.advanceAsync(10)
  }
  assert.deepEqual(seen, ['reserved', 'beat', 'expired'])
  assert.throws(() => watch.admit(), { code: 'overloaded' })
  stop.abort()
  await reading
  watch.admit()
  assert.ok(orderStatuses.includes(status))
})
