import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRoom, type Reply } from './seckill-room.ts'

const buy = (userId: string, over: object = {}): object => ({
  userId,
  productId: 'p',
  quantity: 1,
  ...over,
})

function refused(reply: Reply, status: number, code: string): void {
  assert.equal(reply.status, status, JSON.stringify(reply.body))
  assert.equal(reply.body['success'], false)
  assert.equal(reply.body['code'], code)
  assert.equal(typeof reply.body['message'], 'string')
  assert.equal(reply.headers.get('content-type'), 'application/problem+json')
}

test('a sale from its campaign to its last unit, by the contract', async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  const made = await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 2 })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  assert.equal(made.body['perUserLimit'], 1)
  assert.equal(
    (await room.call('POST', '/seckill/campaigns', { productId: 'q', stock: 2 })).status,
    401,
  )
  const first = await room.call('POST', '/seckill/purchase', buy('ann'), {
    'accept-language': 'zh-CN,zh;q=0.9,en;q=0.8',
    'idempotency-key': 'k1',
  })
  assert.equal(first.status, 200, JSON.stringify(first.body))
  assert.deepEqual(
    {
      success: first.body['success'],
      status: first.body['status'],
      message: first.body['message'],
    },
    { success: true, status: 'reserved', message: '秒杀成功' },
  )
  const again = await room.call('POST', '/seckill/purchase', buy('ann'), {
    'accept-language': 'zh-CN',
    'idempotency-key': 'k1',
  })
  assert.deepEqual(again.body, first.body)
  const mismatch = { 'idempotency-key': 'k1' }
  refused(
    await room.call('POST', '/seckill/purchase', buy('ann', { quantity: 2 }), mismatch),
    422,
    'idempotency_mismatch',
  )
  refused(await room.call('POST', '/seckill/purchase', buy('ann')), 409, 'limit_reached')
  refused(
    await room.call('POST', '/seckill/purchase', buy('bob', { productId: 'x' })),
    404,
    'product_not_found',
  )
  const second = await room.call('POST', '/seckill/purchase', buy('bob'))
  assert.equal(second.status, 200)
  const soldOut = await room.call('POST', '/seckill/purchase', buy('cat'), {
    'accept-language': 'zh',
  })
  refused(soldOut, 409, 'sold_out')
  assert.equal(soldOut.body['message'], '库存不足')
  const stock = await room.call('GET', '/seckill/stock/p')
  assert.deepEqual(
    { ...stock.body, version: 0, epoch: 0 },
    { productId: 'p', total: 2, remaining: 0, soldOut: true, version: 0, epoch: 0 },
  )
})

test('orders are read, paid, cancelled, listed, and the three books agree', async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 10 })
  const ids: string[] = []
  for (const userId of ['a', 'b', 'c']) {
    const { body } = await room.call('POST', '/seckill/purchase', buy(userId))
    ids.push(String(body['orderId']))
  }
  const order = await room.call('GET', `/seckill/orders/${ids[0]}?wait=2000`)
  assert.equal(order.body['status'], 'reserved')
  const paid = await room.call('POST', `/seckill/orders/${ids[0]}/pay`, { paymentId: 'm1' })
  assert.equal(paid.body['status'], 'paid')
  const cancelled = await room.call('POST', `/seckill/orders/${ids[1]}/cancel`)
  assert.equal(cancelled.status, 200, JSON.stringify(cancelled.body))
  assert.equal(cancelled.body['status'], 'cancelled')
  assert.equal((await room.call('GET', '/seckill/orders/nope')).status, 404)
  const other = await room.call('POST', `/seckill/orders/${ids[2]}/pay`, {
    paymentId: 'x',
    userId: 'a',
  })
  assert.equal(other.status, 404, 'somebody else’s order')
  const mine = await room.call('GET', '/seckill/orders?userId=a')
  assert.equal((mine.body['orders'] as unknown[]).length, 1)
  const all = await room.admin('GET', '/seckill/orders?productId=p&limit=2')
  assert.equal(all.status, 200, JSON.stringify(all.body))
  assert.equal((all.body['orders'] as unknown[]).length, 2)
  const rest = await room.admin(
    'GET',
    `/seckill/orders?productId=p&limit=2&cursor=${Number(all.body['next'])}`,
  )
  assert.deepEqual(
    (rest.body['orders'] as { status: string }[]).map(({ status }) => status),
    ['reserved'],
  )
  assert.equal((await room.call('GET', '/seckill/orders?productId=p')).status, 401)
  const audit = await room.admin('GET', '/seckill/audit/p')
  assert.equal(audit.status, 200, JSON.stringify(audit.body))
  assert.equal(audit.body['consistent'], true, JSON.stringify(audit.body))
  assert.equal(audit.body['remaining'], 8)
  assert.equal(audit.body['returned'], 1)
  await room.restart()
  const after = await room.admin('GET', '/seckill/audit/p')
  assert.deepEqual(after.body, audit.body)
  assert.equal((await room.call('GET', `/seckill/orders/${ids[0]}`)).body['status'], 'paid')
})

test('carts are all or nothing; campaigns pause, change and close', async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 5, perUserLimit: 3 })
  await room.admin('POST', '/seckill/campaigns', { productId: 'q', stock: 1 })
  const items = [{ productId: 'p', quantity: 2 }, { productId: 'q' }]
  const cart = await room.call('POST', '/seckill/carts', { userId: 'a', items })
  assert.equal(cart.status, 200, JSON.stringify(cart.body))
  assert.equal((cart.body['orders'] as unknown[]).length, 2)
  const refusedCart = await room.call('POST', '/seckill/carts', { userId: 'b', items })
  refused(refusedCart, 409, 'sold_out')
  assert.equal(refusedCart.body['item'], 1)
  const twice = [{ productId: 'p' }, { productId: 'p' }]
  refused(
    await room.call('POST', '/seckill/carts', { userId: 'b', items: twice }),
    422,
    'invalid_request',
  )
  await room.admin('POST', '/seckill/campaigns/p/pause')
  refused(await room.call('POST', '/seckill/purchase', buy('c')), 403, 'paused')
  await room.admin('POST', '/seckill/campaigns/p/resume')
  const below = await room.admin('PATCH', '/seckill/campaigns/p', { stockDelta: -4 })
  assert.equal(below.status, 409)
  assert.equal(below.body['code'], 'below_sold')
  const changed = await room.admin('PATCH', '/seckill/campaigns/p', { stockDelta: -3 })
  assert.equal(changed.body['remaining'], 0)
  const scheduled = { productId: 's', stock: 1, startsAt: '2099-01-01T00:00:00Z' }
  await room.admin('POST', '/seckill/campaigns', scheduled)
  refused(
    await room.call('POST', '/seckill/purchase', buy('c', { productId: 's' })),
    403,
    'not_started',
  )
  await room.admin('POST', '/seckill/campaigns/p/close')
  refused(await room.call('POST', '/seckill/purchase', buy('c')), 403, 'ended')
  const list = await room.call('GET', '/seckill/campaigns')
  assert.deepEqual(
    (list.body['campaigns'] as { status: string }[]).map(({ status }) => status),
    ['closed', 'open', 'scheduled'],
  )
})

test('bad input is refused field by field, never with a 500', async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 5 })
  const bodies: [unknown, number][] = [
    [buy('a', { quantity: 0 }), 422],
    [buy('a', { quantity: -1 }), 422],
    [buy('a', { quantity: 1.5 }), 422],
    [buy('a', { quantity: '1' }), 422],
    [buy('a', { quantity: 1e300 }), 422],
    [{ productId: 'p', quantity: 1 }, 422],
    [buy('a', { extra: 1 }), 422],
    [buy(''), 422],
    [buy('a'.repeat(129)), 422],
    ['{"userId":"a","userId":"b","productId":"p"}', 400],
    ['{', 400],
    ['['.repeat(2000), 400],
  ]
  for (const [body, status] of bodies) {
    const reply = await room.call('POST', '/seckill/purchase', body)
    assert.equal(reply.status, status, JSON.stringify([body, reply.body]).slice(0, 500))
    assert.equal(reply.body['success'], false)
    assert.equal(reply.body['code'], 'invalid_request')
  }
  for (const code of ['sold_out', 'below_sold', 'invalid_request', 'unauthorized'])
    assert.match(String((await room.call('GET', `/problems/${code}`)).body['text']), /status 4\d\d/)
  assert.equal((await room.call('GET', '/problems/constructor')).status, 404)
  const text = { 'content-type': 'text/plain' }
  assert.equal((await room.call('POST', '/seckill/purchase', '{}', text)).status, 415)
  const large = JSON.stringify(buy('a', { productId: 'x'.repeat(70_000) }))
  assert.equal((await room.call('POST', '/seckill/purchase', large)).status, 413)
  assert.equal((await room.call('GET', '/seckill/stock/p')).body['remaining'], 5)
})
