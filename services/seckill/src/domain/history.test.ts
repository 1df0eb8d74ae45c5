import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteReader, ByteWriter } from './bytes.ts'
import { Chain } from './chain.ts'
import { badTicket } from './command.ts'
import type { SaleEvent } from './event.ts'
import { readEvent, writeEvent } from './event-codec.ts'
import { buy, create, room, start, type Room } from './rehearsal.ts'
import { Sale } from './sale.ts'
import { readSnapshot, writeSnapshot } from './snapshot.ts'

const commands = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ op: fc.constant('create'), p: fc.nat(2), n: fc.nat(6) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        op: fc.constant('buy'),
        p: fc.nat(3),
        u: fc.nat(4),
        n: fc.integer({ min: 1, max: 3 }),
        k: fc.nat(5),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant('cart'),
        u: fc.nat(4),
        n: fc.integer({ min: 1, max: 2 }),
        k: fc.nat(5),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ op: fc.constantFrom('pay', 'cancel'), o: fc.nat(20), k: fc.nat(3) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant('change'),
        p: fc.nat(2),
        n: fc.integer({ min: -4, max: 4 }),
        k: fc.nat(3),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        op: fc.constantFrom('pause', 'resume', 'resume', 'close'),
        p: fc.nat(2),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ op: fc.constant('wait'), n: fc.integer({ min: -500, max: 900 }) }),
    },
  ),
  { maxLength: 80 },
)

const ticketOf = (step: Record<string, number | string>): string =>
  ['', badTicket, 't2', 't3', 't4', 't5'][Number(step['k'] ?? 0)] ?? ''

function perform(step: Record<string, number | string>, { core, run }: Room, atMs: number): void {
  const number = (name: string): number => Number(step[name] ?? 0)
  const product = 'pqrx'[number('p')] as string
  const user = ['ann', '李雷', 'bob', 'ann2', 'é'][number('u')] as string
  const key = number('k') < 3 ? '' : `key${number('k')}`
  const n = number('n')
  switch (String(step['op'])) {
    case 'create':
      run(
        create(product, n, {
          perUserLimit: 1 + (n % 3),
          ...(product === 'r' ? { requireTicket: true, proofBits: n, admitPerSecond: 7 } : {}),
        }),
        atMs,
      )
      break
    case 'buy':
      run(buy(user, product, { quantity: n, key, ticket: ticketOf(step) }), atMs)
      break
    case 'cart':
      run(
        {
          kind: 'cart',
          userId: user,
          key,
          items: (n === 1 ? ['p', 'q'] : ['p', 'r']).map((productId) => ({
            productId,
            quantity: n,
            ticket: ticketOf(step),
            randomA: 7,
            randomB: 9,
          })),
        },
        atMs,
      )
      break
    case 'pay':
    case 'cancel': {
      if (core.sale.orders.size === 0) break
      const id = core.sale.orderId(number('o') % core.sale.orders.size)
      run(
        step['op'] === 'pay'
          ? { kind: 'pay', orderId: id, paymentId: `m${key}` }
          : { kind: 'cancel', orderId: id },
        atMs,
      )
      break
    }
    case 'change':
      run({ kind: 'change', productId: product, stockDelta: n, key }, atMs)
      break
    case 'wait':
      run({ kind: 'expire', most: 3 }, atMs)
      break
    default:
      run({ kind: step['op'] as 'pause', productId: product }, atMs)
  }
}

/** Each ticket was spent by one purchase, and each gated order spent one. */
function checkTickets(events: readonly SaleEvent[], sale: Sale): void {
  const spent = new Set<string>()
  for (const event of events) {
    const lines =
      event.type === 'cart.reserved' ? event.lines : event.type === 'order.reserved' ? [event] : []
    for (const { campaign, ticket } of lines) {
      assert.equal(ticket !== '', sale.campaigns[campaign]?.requireTicket)
      if (ticket === '') continue
      assert.notEqual(ticket, badTicket)
      assert(!spent.has(`${campaign}/${ticket}`), 'spent twice')
      spent.add(`${campaign}/${ticket}`)
    }
  }
}

function checkInvariants(sale: Sale): void {
  const held = new Map<string, number>()
  const sums = sale.campaigns.map(() => ({ reserved: 0, paid: 0 }))
  for (let slot = 0; slot < sale.orders.size; slot++) {
    const view = sale.view(slot)
    assert.equal(sale.find(view.orderId), slot)
    const sum = sums[sale.orders.campaign[slot] as number]
    assert(sum)
    if (view.status === 'reserved') sum.reserved += view.quantity
    if (view.status === 'paid') sum.paid += view.quantity
    if (view.status !== 'reserved' && view.status !== 'paid') continue
    const pair = `${sale.orders.campaign[slot]}/${view.userId}`
    held.set(pair, (held.get(pair) ?? 0) + view.quantity)
  }
  for (const [index, campaign] of sale.campaigns.entries()) {
    assert(campaign.remaining >= 0, 'oversold')
    assert.equal(campaign.reserved, sums[index]?.reserved)
    assert.equal(campaign.paid, sums[index]?.paid)
    assert.equal(
      campaign.total + campaign.adjusted,
      campaign.remaining + campaign.reserved + campaign.paid,
    )
  }
  for (const [pair, count] of held) {
    const [index = '', userId = ''] = pair.split('/')
    assert(count <= (sale.campaigns[Number(index)]?.perUserLimit ?? 0), `${pair} over the limit`)
    assert.equal(sale.holdings.get(Number(index), sale.users.find(0, userId)), count)
  }
}

test('any history keeps the invariants, replays and snapshots byte for byte', () => {
  fc.assert(
    fc.property(commands, fc.nat(79), (steps, cut) => {
      const room1 = room()
      let atMs = start
      let early: { bytes: Uint8Array; events: number } | undefined
      for (const [index, step] of steps.entries()) {
        if (step.op === 'wait') atMs += step.n
        perform(step, room1, atMs)
        checkInvariants(room1.core.sale)
        if (index === cut)
          early = { bytes: writeSnapshot(room1.core.sale), events: room1.events.length }
      }
      checkTickets(room1.events, room1.core.sale)
      const writer = new ByteWriter(16)
      const chain = new Chain()
      const again = new Sale(77)
      const resumed = early ? readSnapshot(early.bytes, 5) : undefined
      for (const [index, event] of room1.events.entries()) {
        const from = writer.length
        writeEvent(writer, event)
        chain.add(writer.view(from))
        const decoded = readEvent(new ByteReader(writer.view(from)))
        assert.deepEqual(decoded, { ...event })
        again.apply(decoded)
        if (early && index >= early.events) resumed?.apply(decoded)
      }
      const bytes = Buffer.from(writeSnapshot(room1.core.sale))
      assert(bytes.equals(writeSnapshot(again)), 'replay differs')
      if (resumed) assert(bytes.equals(writeSnapshot(resumed)), 'snapshot + rest differs')
    }),
    { numRuns: 300, seed: 20_261_123 },
  )
})
