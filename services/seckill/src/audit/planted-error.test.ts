import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openRoom } from '../seckill-room.ts'

test('one unit too many in one row of the order store is found, with the order to blame', async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 10 })
  const ids: string[] = []
  for (const userId of ['a', 'b', 'c']) {
    const { body } = await room.call('POST', '/seckill/purchase', { userId, productId: 'p' })
    ids.push(String(body['orderId']))
  }
  assert.equal((await room.admin('GET', '/seckill/audit/p')).body['consistent'], true)
  const store = new DatabaseSync(`${room.folder}/seckill/orders.sqlite`)
  const { changes } = store
    .prepare('UPDATE seckill_orders SET quantity = quantity + 1 WHERE slot = 1')
    .run()
  store.close()
  assert.equal(Number(changes), 1)
  const { body } = await room.admin('GET', '/seckill/audit/p')
  assert.equal(body['consistent'], false)
  const found = body['discrepancies'] as { orderId?: string; log: unknown; found: unknown }[]
  const blamed = found.filter(({ orderId }) => orderId !== undefined)
  assert.deepEqual(
    blamed.map(({ orderId, log, found: says }) => [orderId, log, says]),
    [[ids[1], '1 reserved', '2 reserved']],
  )
})
