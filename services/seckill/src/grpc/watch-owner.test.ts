import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGrpcClient } from '@spate/http/grpc-client'
import { systemClock } from '@spate/runtime/clock'
import { openRoom } from '../seckill-room.ts'
import { seckillProto, seckillService } from './grpc-service.ts'

test('where identity comes from elsewhere, an order is watched by gRPC by nobody else', async (t) => {
  const p = { productId: 'p' }
  const room = await openRoom({ identity: 'header' })
  t.after(() => room.close())
  const client = await createGrpcClient<Record<string, [object, object]>>({
    proto: seckillProto,
    name: seckillService,
    address: room.grpc,
    clock: systemClock,
  })
  t.after(() => client.close())
  await room.admin('POST', '/seckill/campaigns', { ...p, stock: 1 })
  const as = (user: string): { headers: Record<string, string> } => ({
    headers: { 'x-user-id': user },
  })
  const bought = (await client.call('Purchase', p, as('ann'))) as { orderId: string }
  const first = (user: string): Promise<unknown> =>
    client.stream('WatchOrder', { orderId: bought.orderId }, as(user)).next()
  await assert.rejects(first('bob'), { code: 'not_found' })
  assert.equal(((await first('ann')) as { value: { status: string } }).value.status, 'reserved')
})
