import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricNames } from '@spate/telemetry/names'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { openRoom } from '../seckill-room.ts'

const counted = (code: string, limit?: string): number =>
  noTelemetry.metrics
    .counter(metricNames.seckillGateRefusals)
    .series({ 'error.type': code, ...(limit && { 'limit.name': limit }) }).value

test('what the gate refuses is counted by code and by whose rate it was; a sale is not', async () => {
  const room = await openRoom({ userRateLimit: '1/s', userRateBurst: 2 })
  const ticketed = { productId: 't', stock: 5, requireTicket: true }
  await room.admin('POST', '/seckill/campaigns', ticketed)
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 5 })
  const buy = async (userId: string, productId: string, ticket = ''): Promise<unknown> => {
    const shown = ticket === '' ? {} : { 'seckill-ticket': ticket }
    const { body } = await room.call('POST', '/seckill/purchase', { userId, productId }, shown)
    return body['code']
  }
  assert.equal(await buy('ann', 't'), 'ticket_required')
  assert.equal(await buy('ann', 't', 'forged'), 'ticket_invalid')
  assert.equal(await buy('ann', 'p'), 'rate_limited')
  assert.equal(await buy('bob', 'p'), undefined)
  assert.equal(counted('ticket_required'), 1)
  assert.equal(counted('ticket_invalid'), 1)
  assert.equal(counted('rate_limited', 'user'), 1)
  assert.equal(counted('rate_limited', 'client'), 0)
  await room.close()
})
