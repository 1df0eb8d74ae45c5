import assert from 'node:assert/strict'
import { createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { openRoom, type SeckillRoom } from '../seckill-room.ts'
import { SeckillClient } from './seckill-client.ts'

/** A proxy before the engine that eats the first `eaten` answers: the call ran, nobody hears of it. */
async function openProxy(
  t: TestContext,
  room: SeckillRoom,
  eaten: number,
): Promise<{ url: string; calls: number }> {
  const proxy = { url: '', calls: 0 }
  const server = createServer((request, response) => {
    const eat = proxy.calls++ < eaten
    const { method, headers } = request
    const onward = send(`${room.url}${request.url}`, { method, headers }, (answer) => {
      if (eat) {
        answer.resume().on('end', () => response.destroy())
        return
      }
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return proxy
}

async function stage(
  t: TestContext,
  eaten = 0,
): Promise<{ room: SeckillRoom; client: SeckillClient; proxy: { calls: number } }> {
  const room = await openRoom()
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 2 })
  const proxy = await openProxy(t, room, eaten)
  const client = new SeckillClient({ url: proxy.url, language: 'zh-CN' })
  t.after(() => client.close())
  return { room, client, proxy }
}

test('an answer that never came is asked for again with the same key, and buys once', async (t) => {
  const { room, client, proxy } = await stage(t, 3)
  const bought = await client.purchase({ userId: 'ann', productId: 'p' })
  assert.equal(bought.kind, 'reserved')
  assert.equal(proxy.calls, 4)
  const campaign = await room.call('GET', '/seckill/campaigns/p')
  assert.deepEqual([campaign.body['orders'], campaign.body['remaining']], [1, 1])
  const again = await client.purchase({ userId: 'ann', productId: 'p', key: bought.key })
  assert.deepEqual(again, bought)
})

test('refusals are typed answers; orders are read, paid, cancelled and watched', async (t) => {
  const { client } = await stage(t)
  const bought = await client.purchase({ userId: 'ann', productId: 'p' })
  assert.equal(bought.kind, 'reserved')
  const refused = await client.purchase({ userId: 'ann', productId: 'p' })
  assert.deepEqual(
    { ...refused, key: '' },
    {
      kind: 'refused',
      code: 'limit_reached',
      message: '已达购买上限',
      retryAfterSeconds: undefined,
      key: '',
    },
  )
  if (bought.kind !== 'reserved') return
  const { orderId } = bought
  assert.equal((await client.order(orderId))?.status, 'reserved')
  assert.equal(await client.order('nope'), undefined)
  const theirs = await client.pay(orderId, 'm', 'bob')
  assert.deepEqual(
    [theirs.kind, theirs.kind === 'refused' && theirs.code],
    ['refused', 'not_found'],
  )
  const seen: string[] = []
  for await (const { status } of client.watch(orderId)) {
    seen.push(status)
    if (status === 'reserved') await client.pay(orderId, 'm')
    if (status === 'paid') {
      const gone = await client.cancel(orderId)
      assert.equal(gone.kind === 'order' && gone.order.refund?.paymentId, 'm')
    }
  }
  assert.deepEqual(seen, ['reserved', 'paid', 'refunded'])
  await assert.rejects(client.watch('nope').next(), { code: 'not_found' })
})

test('where nobody answers the call ends at its deadline', async (t) => {
  const hurried = new SeckillClient({ url: 'http://127.0.0.1:9', timeoutMs: 200 })
  t.after(() => hurried.close())
  await assert.rejects(hurried.purchase({ userId: 'a', productId: 'p' }), { code: 'bad_gateway' })
})
