import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { SimulatedDisk } from '@spate/journal/simulated-disk'
import { openJournal } from '@spate/journal/journal'
import { ByteWriter } from '../domain/bytes.ts'
import { Chain } from '../domain/chain.ts'
import type { Outcome } from '../domain/command.ts'
import { writeEvent } from '../domain/event-codec.ts'
import { create, rehearsalLimits } from '../domain/rehearsal.ts'
import { EmbeddedLedger } from './embedded-ledger.ts'
import type { PlainCommand, PurchaseRequest } from './ledger.ts'
import type { LedgerOptions } from './ledger-options.ts'
import { beginRecord, endRecord } from './record.ts'

interface Stage {
  readonly disk: SimulatedDisk
  readonly clock: VirtualClock
  readonly ledger: EmbeddedLedger
}

async function stage(
  disk: SimulatedDisk = new SimulatedDisk({ chance: new SeededChance(7) }),
  clock: VirtualClock = new VirtualClock(),
  over: Partial<LedgerOptions> = {},
): Promise<Stage> {
  const ledger = await EmbeddedLedger.open({
    folder: 'ledger',
    disk,
    clock,
    log: silentLog,
    limits: rehearsalLimits,
    chance: new SeededChance(clock.now()),
    ...over,
  })
  return { disk, clock, ledger }
}

const make = (productId: string, stock: number, over: object = {}): PlainCommand =>
  create(productId, stock, over) as PlainCommand

const want = (userId: string, over: Partial<PurchaseRequest> = {}): PurchaseRequest => ({
  userId,
  productId: 'p',
  quantity: 1,
  key: '',
  ticket: '',
  ...over,
})

function code(outcome: Outcome | Promise<Outcome>): string {
  assert(!(outcome instanceof Promise), 'the answer should have come at once')
  return outcome.kind === 'refused' ? outcome.code : outcome.kind
}

test('an idle disk begins before a large turn is over, and nobody is answered before it is durable', async () => {
  const { ledger } = await stage(undefined, undefined, { recordBytesEarly: 100 })
  await ledger.run(make('p', 10))
  const before = ledger.counters
  const answers = ['a', 'b', 'c', 'd', 'e'].map(async (userId) => ledger.purchase(want(userId)))
  assert.equal(ledger.counters.appends, before.appends + 1, 'the first part is on its way')
  const first = await answers[0]
  assert.equal(first?.kind, 'reserved')
  assert.ok(ledger.counters.durableSequence < before.sequence + 5, 'the second is still under way')
  await Promise.all(answers)
  assert.equal(ledger.counters.appends, before.appends + 2)
  assert.equal(ledger.counters.durableSequence, before.sequence + 5)
  await ledger.close()
})

test('commands of one turn share one append, and are answered after it is durable', async () => {
  const { ledger } = await stage()
  await ledger.run(make('p', 10))
  const before = ledger.counters
  const answers = ['a', 'b', 'c'].map((userId) => ledger.purchase(want(userId)))
  assert(answers.every((answer) => answer instanceof Promise))
  assert.equal(ledger.order('x'), undefined)
  const outcomes = await Promise.all(answers)
  assert.equal(ledger.counters.appends, before.appends + 1)
  assert.equal(ledger.counters.durableSequence, before.sequence + 3)
  for (const outcome of outcomes) {
    assert(outcome.kind === 'reserved')
    assert.equal(ledger.order(outcome.orderId)?.status, 'reserved')
  }
  await ledger.close()
})

test('refusals that rest on durable state come at once and write nothing', async () => {
  const { ledger } = await stage()
  await ledger.run(make('p', 1, { perUserLimit: 1 }))
  await ledger.run(make('q', 9))
  await ledger.purchase(want('a'))
  await ledger.purchase(want('a', { productId: 'q' }))
  const { appends } = ledger.counters
  assert.equal(code(ledger.purchase(want('b'))), 'sold_out')
  assert.equal(code(ledger.purchase(want('a', { productId: 'q' }))), 'limit_reached')
  assert.equal(code(ledger.purchase(want('a', { productId: 'nothing' }))), 'product_not_found')
  assert.equal(ledger.counters.appends, appends)
  await ledger.close()
})

test('sold out waits for the last unit to be durable; the same buyer is told at once', async () => {
  const { ledger } = await stage()
  await ledger.run(make('p', 1, { perUserLimit: 2 }))
  const first = ledger.purchase(want('a'))
  const soldOut = ledger.purchase(want('b'))
  assert(soldOut instanceof Promise, 'the last unit is not durable yet')
  assert.equal(code(ledger.purchase(want('a'))), 'duplicate_request')
  assert.equal((await first).kind, 'reserved')
  assert.deepEqual(await soldOut, { kind: 'refused', code: 'sold_out', campaign: 0, line: 0 })
  await ledger.close()
})

test('the same key in flight waits for the same answer and buys once', async () => {
  const { ledger } = await stage()
  await ledger.run(make('p', 5, { perUserLimit: 3 }))
  const [first, second] = await Promise.all([
    ledger.purchase(want('a', { key: 'k' })),
    ledger.purchase(want('a', { key: 'k' })),
  ])
  assert(first?.kind === 'reserved' && second?.kind === 'reserved')
  assert.equal(first.orderId, second.orderId)
  assert.equal(ledger.counters.orders, 1)
  await ledger.close()
})

test('after a restart state, answers and chain are the same, with and without a snapshot', async () => {
  for (const snapshot of [false, true]) {
    const { disk, clock, ledger } = await stage()
    await ledger.run(make('p', 3))
    const kept = await ledger.purchase(want('a', { key: 'k' }))
    if (snapshot) await ledger.snapshot()
    await ledger.purchase(want('b'))
    const head = ledger.chainHead
    disk.crash()
    const again = await stage(disk, clock)
    assert.equal(again.ledger.chainHead, head)
    assert.equal(again.ledger.recovery.snapshotSequence, snapshot ? 2 : 0)
    assert.deepEqual(await again.ledger.purchase(want('a', { key: 'k' })), {
      ...kept,
      replayed: true,
    })
    assert.equal(code(again.ledger.purchase(want('b'))), 'limit_reached')
    assert.equal(again.ledger.campaign('p')?.remaining, 1)
    await again.ledger.close()
  }
})

test('a reservation lapses within a second of its deadline and the unit is sold again', async () => {
  const { clock, ledger } = await stage()
  await ledger.run(make('p', 1, { reservationTtlMs: 60_000 }))
  const outcome = await ledger.purchase(want('a'))
  assert(outcome.kind === 'reserved')
  await clock.advanceAsync(59_000)
  assert.equal(ledger.order(outcome.orderId)?.status, 'reserved')
  await clock.advanceAsync(2000)
  assert.equal(ledger.order(outcome.orderId)?.status, 'expired')
  assert.equal((await ledger.purchase(want('b'))).kind, 'reserved')
  await ledger.close()
})

test('a full disk stops all acknowledgement; nothing refused before is taken back', async () => {
  const { disk, ledger } = await stage()
  await ledger.run(make('p', 5))
  await ledger.purchase(want('a'))
  disk.failNext('sync', 'ENOSPC')
  await assert.rejects(async () => ledger.purchase(want('b')), { code: 'disk_full' })
  assert.equal(ledger.failure?.code, 'disk_full')
  await assert.rejects(async () => ledger.purchase(want('c')), { code: 'disk_full' })
  assert.equal(ledger.ordersOf('b', 10).length, 0, 'an order that is not durable is not shown')
  await ledger.close()
})

test('a record that does not fit the chain is found at recovery', async () => {
  const { disk, clock, ledger } = await stage()
  await ledger.run(make('p', 5))
  await ledger.close()
  const journal = await openJournal({ folder: 'ledger', disk })
  const writer = new ByteWriter()
  beginRecord(writer, 2)
  writeEvent(writer, { type: 'campaign.paused', atMs: clock.now(), campaign: 0 })
  endRecord(writer, new Chain())
  journal.append(writer.view())
  await journal.close()
  await assert.rejects(stage(disk, clock), { code: 'data_corrupt' })
})
