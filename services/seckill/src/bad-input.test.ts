import assert from 'node:assert/strict'
import { test } from 'node:test'
import { badInputCases, type BadInputOptions } from '@spate/http/bad-input'
import { badInputViolations } from '@spate/http/bad-input-run'
import type { TSchema } from 'typebox'
import { cancelBody, cartBody, changeBody, createBody, payBody, purchaseBody } from './contract.ts'
import { challengeBody, joinBody, reviewBody, ticketBody } from './gate/contract.ts'
import { openRoom, roomToken } from './seckill-room.ts'

/** A route that takes JSON, and a body it would accept. */
interface Case extends BadInputOptions {
  readonly method: string
  readonly path: (orderId: string) => string
  readonly schema: TSchema
  readonly valid: unknown
  readonly admin?: boolean
  /** True where the body may be left out. */
  readonly optional?: boolean
}

const challenge = 'A'.repeat(56)
const startsAt = '2026-11-23T09:00:00Z'
const endsAt = '2099-11-23T09:00:00Z'

const routes: readonly Case[] = [
  {
    method: 'POST',
    path: () => '/seckill/purchase',
    schema: purchaseBody,
    valid: { userId: 'ann', productId: 'p', quantity: 1 },
    bytesMax: 4096,
  },
  {
    method: 'POST',
    path: () => '/seckill/carts',
    schema: cartBody,
    valid: { userId: 'ann', items: [{ productId: 'p', quantity: 1 }] },
    bytesMax: 16_384,
  },
  {
    method: 'POST',
    path: (orderId) => `/seckill/orders/${orderId}/pay`,
    schema: payBody,
    valid: { paymentId: 'm1', userId: 'bob' },
    bytesMax: 4096,
  },
  {
    method: 'POST',
    path: (orderId) => `/seckill/orders/${orderId}/cancel`,
    schema: cancelBody,
    valid: { userId: 'bob' },
    bytesMax: 4096,
    optional: true,
  },
  {
    method: 'POST',
    path: () => '/seckill/campaigns',
    schema: createBody,
    valid: {
      productId: 'new',
      stock: 1,
      perUserLimit: 1,
      startsAt,
      endsAt,
      reservationTtlMs: 1000,
      requireTicket: false,
      queue: false,
      proofBits: 4,
      admitPerSecond: 10,
    },
    admin: true,
  },
  {
    method: 'PATCH',
    path: () => '/seckill/campaigns/p',
    schema: changeBody,
    valid: { stockDelta: 1, startsAt, endsAt, perUserLimit: 2 },
    admin: true,
  },
  {
    method: 'POST',
    path: () => '/seckill/challenges',
    schema: challengeBody,
    valid: { userId: 'ann', productId: 'p' },
    bytesMax: 4096,
  },
  {
    method: 'POST',
    path: () => '/seckill/tickets',
    schema: ticketBody,
    valid: { userId: 'ann', productId: 'p', challenge, proof: 'a1' },
    bytesMax: 4096,
  },
  {
    method: 'POST',
    path: () => '/seckill/queue/line',
    schema: joinBody,
    valid: { userId: 'ann', challenge, proof: 'a1' },
    bytesMax: 4096,
  },
  {
    method: 'POST',
    path: () => '/seckill/risk/reviews',
    schema: reviewBody,
    valid: { userId: 'ann', verdict: 'hold' },
    admin: true,
  },
]

test('every bad body of every route is refused field by field, and changes nothing', async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 5 })
  await room.admin('POST', '/seckill/campaigns', { productId: 'line', stock: 5, queue: true })
  const order = await room.call('POST', '/seckill/purchase', { userId: 'bob', productId: 'p' })
  const before = await room.admin('GET', '/seckill/audit/p')
  for (const { method, path, schema, valid, admin, optional, ...options } of routes) {
    const cases = badInputCases(schema, valid, options).filter(
      (one) => !(optional && one.body.length === 0),
    )
    const target = {
      url: room.url,
      method,
      path: path(String(order.body['orderId'])),
      headers: admin ? { authorization: `Bearer ${roomToken}` } : {},
      members: { success: false },
    }
    const report = await badInputViolations(target, cases)
    assert.deepEqual(report.violations, [], `${method} ${target.path}`)
    assert(report.ran > 30, `${method} ${target.path}: ${report.ran} cases`)
    t.diagnostic(`${method} ${target.path}: ${report.ran} cases, ${report.closed} closed`)
  }
  assert.deepEqual((await room.admin('GET', '/seckill/audit/p')).body, before.body)
  assert.equal((await room.call('GET', '/seckill/campaigns/new')).status, 404)
})
