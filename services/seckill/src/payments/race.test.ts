import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SimulatedDisk } from '@spate/journal/simulated-disk'
import { SeededChance } from '@spate/runtime/chance'
import { Fault } from '@spate/runtime/fault'
import { processHost } from '@spate/runtime/host'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { create, rehearsalLimits, ttl } from '../domain/rehearsal.ts'
import { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { PlainCommand } from '../ledger/ledger.ts'
import { startPosition } from '../orders/follower.ts'
import { Cashier, type PaymentNotice } from './cashier.ts'
import type { Payment, PaymentProvider, PaymentState } from './payment-provider.ts'
import { PendingPayments } from './pending-payments.ts'
import { refundsDue } from './refunds.ts'

/** Runs of the property; a long run sets SALE_RACE_RUNS. */
const runs = Number(processHost.env['SALE_RACE_RUNS'] ?? 150)
const graceMs = 3000

/** One payment as the provider has it; moments are ms after the purchase. */
interface Script {
  readonly payment: number
  /** When it is known to the bank how it ends, and how. */
  readonly settlesMs: number
  readonly succeeds: boolean
  /** When "pending" is told; undefined where that notice is lost. */
  readonly pendingMs: number | undefined
  /** When the end is told, after it is settled: none, once, or more often. */
  readonly toldMs: readonly number[]
}

const moment = fc.oneof(
  fc.integer({ min: 1, max: 6000 }),
  fc.integer({ min: ttl, max: ttl + graceMs - 1000 }),
  // Around the deadline, and around the end of the grace.
  fc.integer({ min: ttl - 3, max: ttl + 3 }),
  fc.integer({ min: ttl + graceMs - 3, max: ttl + graceMs + 250 }),
)
const script: fc.Arbitrary<Script> = fc.record({
  payment: fc.nat(1),
  settlesMs: moment,
  succeeds: fc.boolean(),
  pendingMs: fc.oneof(fc.constant(10), fc.option(moment, { nil: undefined })),
  toldMs: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })), { maxLength: 3 }),
})
const orders = fc.array(
  fc.record({ cancelsMs: fc.option(moment, { nil: undefined, freq: 2 }), script }),
  {
    minLength: 1,
    maxLength: 5,
  },
)

interface World {
  /** True where the campaign ends with the first deadline: nothing can be reinstated then. */
  readonly ends: boolean
  readonly stock: number
  readonly asks: 'answered' | 'sometimes' | 'nobody'
  readonly orders: readonly { readonly cancelsMs: number | undefined; readonly script: Script }[]
}

/** The bank: what it says at a moment, and what it has told. */
class Bank implements PaymentProvider {
  readonly #clock: VirtualClock
  readonly #startMs: number
  readonly #asks: World['asks']
  readonly scripts: Map<string, Script> = new Map()
  /** Payments that we were told or were answered have succeeded. */
  readonly known: Set<string> = new Set()
  #asked = 0

  constructor(clock: VirtualClock, asks: World['asks']) {
    this.#clock = clock
    this.#startMs = clock.now()
    this.#asks = asks
  }

  state({ paymentId }: Payment): Promise<PaymentState> {
    if (this.#asks === 'sometimes' && this.#asked++ % 2 === 0)
      return Promise.reject(new Fault('upstream_timeout'))
    const found = this.scripts.get(paymentId)
    if (!found) return Promise.resolve('unknown')
    if (this.#clock.now() - this.#startMs < found.settlesMs) return Promise.resolve('pending')
    if (found.succeeds) this.known.add(paymentId)
    return Promise.resolve(found.succeeds ? 'succeeded' : 'failed')
  }

  refund(): Promise<void> {
    return Promise.resolve()
  }
}

async function play(world: World): Promise<void> {
  const clock = new VirtualClock()
  const pending = new PendingPayments({ graceMs, most: 100 })
  const ledger = await EmbeddedLedger.open({
    folder: 'ledger',
    disk: new SimulatedDisk({ chance: new SeededChance(7) }),
    clock,
    log: silentLog,
    limits: rehearsalLimits,
    chance: new SeededChance(1),
    turn: (task) => void clock.after(0, task),
    spared: pending,
  })
  const bank = new Bank(clock, world.asks)
  const provider = world.asks === 'nobody' ? {} : { provider: bank }
  const cashier = new Cashier({ ledger, pending, clock, log: silentLog, ...provider })
  cashier.start()
  const asked = async <T>(answer: T | Promise<T>): Promise<T> => {
    await clock.advanceAsync(0)
    return await answer
  }
  await asked(
    ledger.run(
      create('p', world.stock, world.ends ? { endsAtMs: clock.now() + ttl } : {}) as PlainCommand,
    ),
  )
  const tell = (notice: PaymentNotice): void => {
    if (notice.kind === 'succeeded') bank.known.add(notice.paymentId)
    void cashier.take(notice)
  }
  const ids: string[] = []
  for (const [at, { cancelsMs, script: plan }] of world.orders.entries()) {
    const want = { userId: `u${at}`, productId: 'p', quantity: 1, key: '', ticket: '' }
    const outcome = await asked(ledger.purchase(want))
    if (outcome.kind !== 'reserved') continue
    const { orderId } = outcome
    ids.push(orderId)
    const paymentId = `m${at}-${plan.payment}`
    bank.scripts.set(paymentId, plan)
    if (cancelsMs !== undefined)
      clock.after(cancelsMs, () => void ledger.run({ kind: 'cancel', orderId }))
    if (plan.pendingMs !== undefined)
      clock.after(plan.pendingMs, () => tell({ kind: 'pending', orderId, paymentId }))
    for (const laterMs of plan.toldMs)
      clock.after(plan.settlesMs + laterMs, () =>
        tell({ kind: plan.succeeds ? 'succeeded' : 'failed', orderId, paymentId }),
      )
  }
  // Whoever comes later may take units that came back.
  clock.after(ttl + 500, () => {
    const late = { userId: 'late', productId: 'p', quantity: 1, key: '', ticket: '' }
    void Promise.resolve(ledger.purchase(late)).catch(() => {})
  })
  await clock.advanceAsync(15_000)
  await cashier.stop()
  await checkMoney(world, { ledger, bank, pending, ids })
  await asked(ledger.close())
}

async function checkMoney(
  world: World,
  {
    ledger,
    bank,
    pending,
    ids,
  }: { ledger: EmbeddedLedger; bank: Bank; pending: PendingPayments; ids: readonly string[] },
): Promise<void> {
  const records = await ledger.feed.read(1, 1 << 24)
  const { due } = refundsDue(records, startPosition, ledger)
  const sentBack = due.map(({ paymentId }) => paymentId)
  assert.equal(new Set(sentBack).size, sentBack.length, 'no money is sent back twice')
  assert.equal(pending.size, 0, 'nothing stays under way')
  const campaign = ledger.campaign('p')
  assert(campaign)
  assert.equal(campaign.reserved, 0, 'no unit is in limbo')
  assert.equal(campaign.remaining + campaign.paid, world.stock)
  for (const [at, orderId] of ids.entries()) {
    const order = await ledger.durableOrder(orderId)
    const plan = world.orders[at]?.script
    assert(order && plan)
    const paymentId = `m${at}-${plan.payment}`
    const kept = order.status === 'paid' && order.paymentId === paymentId
    const times = Number(kept) + Number(sentBack.includes(paymentId))
    const owed = bank.known.has(paymentId) ? 1 : 0
    assert.equal(times, owed, `${order.status}: money is kept or sent back, never both or neither`)
    const { cancelsMs } = world.orders[at] ?? {}
    const inTime = (plan.pendingMs ?? ttl) < ttl && plan.settlesMs < ttl + graceMs - 1000
    const told = world.asks === 'answered' || plan.toldMs.includes(0)
    // The reason why we ask: a buyer whose bank was slow has the units all the same.
    if (plan.succeeds && inTime && told && cancelsMs === undefined)
      assert.equal(order.status, 'paid', 'a payment under way at the deadline keeps its units')
  }
}

test('payment against expiry is decided once: the money is kept or sent back, no unit in limbo', async () => {
  const worlds = fc.record({
    ends: fc.boolean(),
    stock: fc.integer({ min: 1, max: 5 }),
    asks: fc.constantFrom('answered' as const, 'sometimes' as const, 'nobody' as const),
    orders,
  })
  await fc.assert(fc.asyncProperty(worlds, play), { numRuns: runs })
})
