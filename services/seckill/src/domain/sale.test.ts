import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from './command.ts'
import { buy, create, room, start, ttl } from './rehearsal.ts'

function orderId(outcome: Outcome): string {
  assert(outcome.kind === 'reserved', JSON.stringify(outcome))
  return outcome.orderId
}

function code(outcome: Outcome): string {
  return outcome.kind === 'refused' || outcome.kind === 'conflict' ? outcome.code : outcome.kind
}

test('stock and limit hold at limit - 1, limit and limit + 1', () => {
  const { run } = room()
  run(create('p', 3, { perUserLimit: 2 }))
  assert.equal(code(run(buy('a'))), 'reserved')
  assert.equal(code(run(buy('a'))), 'reserved')
  assert.equal(code(run(buy('a'))), 'limit_reached')
  assert.equal(code(run(buy('b', 'p', { quantity: 2 }))), 'sold_out')
  assert.equal(code(run(buy('b'))), 'reserved')
  assert.equal(code(run(buy('c'))), 'sold_out')
  assert.equal(code(run(buy('c', 'q'))), 'product_not_found')
})

test('a purchase is taken only inside the window of the store time', () => {
  const { run } = room()
  run(create('p', 9, { startsAtMs: start + 10, endsAtMs: start + 20 }))
  assert.equal(code(run(buy('a'), start + 9)), 'not_started')
  assert.equal(code(run(buy('a'), start + 10)), 'reserved')
  assert.equal(code(run(buy('b'), start + 19)), 'reserved')
  assert.equal(code(run(buy('c'), start + 20)), 'ended')
})

test('a clock that is set back neither reopens nor shortens anything', () => {
  const { run, core } = room()
  run(create('p', 9, { endsAtMs: start + 1000 }))
  run(buy('a'), start + 999)
  run(buy('b'), start - 300_000)
  assert.equal(core.sale.lastMs, start + 999)
  assert.equal(code(run(buy('c'), start + 1000)), 'ended')
})

test('the same key gets the same answer, whatever happened to the order since', () => {
  const { run } = room()
  run(create('p', 2))
  const first = run(buy('a', 'p', { key: 'k' }))
  run({ kind: 'cancel', orderId: orderId(first) })
  const again = run(buy('a', 'p', { key: 'k' }), start + 5000)
  assert.deepEqual(again, { ...first, replayed: true })
  assert.equal(code(run(buy('a', 'p', { key: 'k', quantity: 2 }))), 'idempotency_mismatch')
  assert.equal(code(run(buy('a', 'q', { key: 'k' }))), 'idempotency_mismatch')
  assert.equal(code(run(buy('b', 'p', { key: 'k' }))), 'reserved', 'a key belongs to its user')
})

test('a refusal under a key is remembered, up to the limit', () => {
  const { run, core } = room({ refusedKeysMax: 1 })
  run(create('p', 1))
  run(buy('a'))
  assert.equal(code(run(buy('b', 'p', { key: 'k1' }))), 'sold_out')
  assert.equal(code(run(buy('c', 'p', { key: 'k2' }))), 'sold_out')
  run({ kind: 'change', productId: 'p', stockDelta: 5 })
  assert.equal(code(run(buy('b', 'p', { key: 'k1' }))), 'sold_out')
  assert.equal(code(run(buy('b', 'p', { key: 'k1', quantity: 3 }))), 'idempotency_mismatch')
  assert.equal(code(run(buy('c', 'p', { key: 'k2' }))), 'reserved')
  assert.equal(core.sale.refusedKeys, 1)
})

test('units come back once, and with them the right to buy', () => {
  const { run, core } = room()
  run(create('p', 1))
  const id = orderId(run(buy('a')))
  run({ kind: 'cancel', orderId: id })
  run({ kind: 'cancel', orderId: id })
  const campaign = core.sale.current.get('p')
  assert.equal(campaign?.remaining, 1)
  assert.equal(campaign?.returned, 1)
  assert.equal(code(run(buy('a'))), 'reserved')
})

test('a reservation lapses at its deadline, and a payment in that ms is late', () => {
  const { run, core } = room()
  run(create('p', 2))
  const a = orderId(run(buy('a')))
  const b = orderId(run(buy('b')))
  run({ kind: 'pay', orderId: a, paymentId: 'm1' }, start + ttl - 1)
  assert.equal(core.sale.view(0).status, 'paid')
  assert.deepEqual(run({ kind: 'expire', most: 10 }, start + ttl), {
    kind: 'expired',
    count: 1,
    more: false,
  })
  const late = run({ kind: 'pay', orderId: b, paymentId: 'm2' }, start + ttl + 1)
  assert.deepEqual(late, { kind: 'order', slot: 1, returnPayment: '' })
  assert.equal(core.sale.view(1).status, 'paid', 'stock is left: reinstated')
})

test('a late payment without stock is sent back, and once only', () => {
  const { run, core, events } = room()
  run(create('p', 1))
  const a = orderId(run(buy('a')))
  run({ kind: 'expire', most: 10 }, start + ttl)
  run(buy('b'), start + ttl)
  const late = run({ kind: 'pay', orderId: a, paymentId: 'm' }, start + ttl + 1)
  assert.deepEqual(late, { kind: 'order', slot: 0, returnPayment: 'm' })
  assert.equal(core.sale.view(0).status, 'refunded')
  const count = events.length
  assert.deepEqual(run({ kind: 'pay', orderId: a, paymentId: 'm' }, start + ttl + 2), late)
  assert.equal(events.length, count)
})

test('a second payment for a paid order is sent back and the order stays paid', () => {
  const { run, core } = room()
  run(create('p', 1))
  const a = orderId(run(buy('a')))
  run({ kind: 'pay', orderId: a, paymentId: 'm1' })
  const twice = run({ kind: 'pay', orderId: a, paymentId: 'm1' })
  assert.deepEqual(twice, { kind: 'order', slot: 0, returnPayment: '' })
  const other = run({ kind: 'pay', orderId: a, paymentId: 'm2' })
  assert.deepEqual(other, { kind: 'order', slot: 0, returnPayment: 'm2' })
  assert.equal(core.sale.view(0).status, 'paid')
  assert.equal(code(run({ kind: 'pay', orderId: a, paymentId: 'm1', userId: 'b' })), 'not_found')
})

test('a cart takes all of its lines or none', () => {
  const { run, core } = room()
  run(create('p', 2))
  run(create('q', 1))
  const items = [
    { productId: 'p', quantity: 1, randomA: 1, randomB: 2 },
    { productId: 'q', quantity: 1, randomA: 3, randomB: 4 },
  ]
  const first = run({ kind: 'cart', userId: 'a', key: 'k', items })
  assert.deepEqual(first, { kind: 'cart', slots: [0, 1], replayed: false })
  assert.deepEqual(run({ kind: 'cart', userId: 'a', key: 'k', items }), {
    ...first,
    replayed: true,
  })
  const second = run({ kind: 'cart', userId: 'b', key: '', items })
  assert.equal(code(second), 'sold_out')
  assert.equal(core.sale.current.get('p')?.remaining, 1)
  const unknown = [...items, { productId: 'x', quantity: 1, randomA: 1, randomB: 1 }]
  assert.equal(
    code(run({ kind: 'cart', userId: 'b', key: '', items: unknown })),
    'product_not_found',
  )
})

test('stock cannot be adjusted below what is sold; the flag changes its version', () => {
  const { run, core } = room()
  run(create('p', 2))
  run(buy('a'))
  assert.equal(code(run({ kind: 'change', productId: 'p', stockDelta: -2 })), 'below_sold')
  assert.equal(code(run({ kind: 'change', productId: 'p', stockDelta: -1, key: 'k' })), 'campaign')
  assert.equal(code(run({ kind: 'change', productId: 'p', stockDelta: -1, key: 'k' })), 'campaign')
  assert.equal(core.sale.current.get('p')?.adjusted, -1)
  assert.equal(core.sale.current.get('p')?.flagVersion, 2)
  run({ kind: 'change', productId: 'p', stockDelta: 1 })
  assert.equal(core.sale.current.get('p')?.flagVersion, 3)
})

test('pause, resume and close change what a purchase is told; a new epoch starts clean', () => {
  const { run, core } = room()
  run(create('p', 2))
  run(buy('a'))
  run({ kind: 'pause', productId: 'p' })
  assert.equal(code(run(buy('b'))), 'paused')
  run({ kind: 'resume', productId: 'p' })
  assert.equal(code(run(create('p', 2))), 'campaign_exists')
  run({ kind: 'close', productId: 'p' })
  assert.equal(code(run(buy('b'))), 'ended')
  assert.equal(code(run({ kind: 'resume', productId: 'p' })), 'campaign_closed')
  run(create('p', 1))
  assert.equal(core.sale.current.get('p')?.epoch, 2)
  assert.equal(code(run(buy('a'))), 'reserved')
})

test('a ticket is needed where the campaign says so, and is spent by the purchase', () => {
  const { run } = room()
  run(create('p', 2, { requireTicket: true, perUserLimit: 2 }))
  assert.equal(code(run(buy('a'))), 'ticket_required')
  assert.equal(code(run(buy('a', 'p', { ticket: 't' }))), 'reserved')
  assert.equal(code(run(buy('a', 'p', { ticket: 't' }))), 'ticket_invalid')
})

test('limits of memory refuse at the limit and not before', () => {
  const { run } = room({ ordersMax: 2, campaignsMax: 1 })
  run(create('p', 9))
  assert.equal(code(run(create('q', 9))), 'campaign_limit')
  assert.equal(code(run(buy('a'))), 'reserved')
  assert.equal(code(run(buy('b'))), 'reserved')
  assert.equal(code(run(buy('c'))), 'overloaded')
})
