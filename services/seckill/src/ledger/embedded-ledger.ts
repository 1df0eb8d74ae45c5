import { Fault } from '@spate/runtime/fault'
import type { Timer } from '@spate/runtime/clock'
import { crashPoint } from '@spate/runtime/host'
import { openJournal, type Journal } from '@spate/journal/journal'
import { ByteWriter } from '../domain/bytes.ts'
import type { Campaign } from '../domain/campaign.ts'
import type { Chain } from '../domain/chain.ts'
import type { Command, OrderView, Outcome } from '../domain/command.ts'
import { writeEvent } from '../domain/event-codec.ts'
import { execute, type Core } from '../domain/execute.ts'
import { orderStatuses, type OrderStatus } from '../domain/order-table.ts'
import { refused } from '../domain/purchase.ts'
import type { Sale } from '../domain/sale.ts'
import { countsOf } from './counts.ts'
import { Feed } from './feed.ts'
import type {
  CartRequest,
  Ledger,
  LedgerCounters,
  LedgerFeed,
  PlainCommand,
  PurchaseRequest,
} from './ledger.ts'
import { inFlight, keyKnown, randomSource, restsOnPending } from './pending.ts'
import { beginRecord, endRecord } from './record.ts'
import { recoverSale, type LedgerRecovery } from './recovery.ts'
import { Snapshots } from './snapshots.ts'
import type { LedgerCapture, LedgerOptions } from './ledger-options.ts'
import { StoreClock } from './store-clock.ts'

/** Events of a turn are appended early once they hold this many bytes: a record has a limit. */
const recordBytesSoft = 1 << 20
const expiriesATurn = 5000

/**
 * The ledger on the journal. In order, and always in this order:
 * command -> core (state changes, events are encoded) -> end of turn: one append for all events of
 * the turn -> fdatasync -> answers. Between the first and the last step the state is ahead of the
 * disk; an answer that rests on such state waits for the same fdatasync.
 */
export class EmbeddedLedger implements Ledger {
  readonly recovery: LedgerRecovery
  readonly #options: LedgerOptions
  readonly #journal: Journal
  readonly #sale: Sale
  readonly #chain: Chain
  readonly #core: Core
  readonly #clock: StoreClock
  readonly #feed: Feed
  readonly #writer: ByteWriter = new ByteWriter(1 << 18)
  readonly #turn: (task: () => void) => void
  readonly #crash: (name: string) => void
  readonly #pendingBytesMax: number
  readonly #recordBytesEarly: number
  readonly #randoms: () => number
  #scheduled = false
  /** Settles when the events of this turn are durable. */
  #waiting: Promise<void> | undefined
  #settle: { resolve: () => void; reject: (fault: Fault) => void } | undefined
  #durableSequence: number
  #durableOrders: number
  readonly #snapshots: Snapshots
  #failure: Fault | undefined
  #immediate = 0
  #timer: Timer | undefined
  #closing: Promise<void> | undefined

  private constructor(options: LedgerOptions, journal: Journal, recovery: LedgerRecovery) {
    this.#options = options
    this.#journal = journal
    this.recovery = recovery
    this.#sale = recovery.sale
    this.#chain = recovery.chain
    this.#turn = options.turn ?? ((task) => void setImmediate(task))
    this.#crash = options.crash ?? crashPoint
    this.#pendingBytesMax = options.pendingBytesMax ?? 16 * 1024 * 1024
    this.#recordBytesEarly = options.recordBytesEarly ?? 16 * 1024
    this.#randoms = randomSource(options.chance)
    this.#clock = new StoreClock(options.clock)
    this.#feed = new Feed(journal)
    this.#durableSequence = this.#sale.sequence
    this.#durableOrders = this.#sale.orders.size
    this.#snapshots = new Snapshots({
      ...recovery,
      journal,
      log: options.log,
      everyEvents: options.snapshotEvents ?? 250_000,
      crash: this.#crash,
      flush: () => this.#flush(),
    })
    this.#core = {
      sale: this.#sale,
      limits: options.limits,
      emit: (event) => {
        if (this.#writer.length === 0) beginRecord(this.#writer, this.#sale.sequence)
        writeEvent(this.#writer, event)
      },
    }
  }

  /** Opens the ledger in `options.folder`, recovering its state. Rejects as `openJournal` does. */
  static async open(options: LedgerOptions): Promise<EmbeddedLedger> {
    let inFlush = false
    const turn = options.turn ?? ((task: () => void) => void setImmediate(task))
    const journal = await openJournal({
      folder: options.folder,
      log: options.log,
      ...(options.disk ? { disk: options.disk } : {}),
      ...(options.crash ? { crash: options.crash } : {}),
      // The ledger's own turn is over when it appends: an idle journal writes at once.
      turn: (task) => (inFlush ? task() : turn(task)),
    })
    try {
      const recovery = await recoverSale(journal, options.clock)
      const ledger = new EmbeddedLedger(options, journal, recovery)
      ledger.#append = (bytes) => {
        inFlush = true
        try {
          return journal.append(bytes)
        } finally {
          inFlush = false
        }
      }
      ledger.#timer = options.clock.every(options.expireEveryMs ?? 200, () => ledger.#tick())
      return ledger
    } catch (caught) {
      await journal.close()
      throw caught
    }
  }

  #append: (bytes: Uint8Array) => number = () => 0

  get feed(): LedgerFeed {
    return this.#feed
  }

  get failure(): Fault | undefined {
    return this.#failure
  }

  get chainHead(): string {
    return this.#chain.hex()
  }

  get counters(): LedgerCounters {
    return {
      sequence: this.#sale.sequence,
      durableSequence: this.#durableSequence,
      orders: this.#sale.orders.size,
      users: this.#sale.users.size,
      campaigns: this.#sale.campaigns.length,
      bytes: this.#sale.bytes,
      appends: this.#journal.counters.appends,
      syncs: this.#journal.counters.syncs,
      immediateRefusals: this.#immediate,
    }
  }

  now(): number {
    return this.#clock.now()
  }

  purchase(request: PurchaseRequest): Outcome | Promise<Outcome> {
    if (!keyKnown(this.#sale, request.userId, request.key)) {
      const campaign = this.#sale.current.get(request.productId)
      if (campaign && inFlight(this.#sale, this.#durableOrders, request.userId, campaign.index))
        return refused('duplicate_request', campaign.index)
    }
    return this.#take({
      kind: 'purchase',
      userId: request.userId,
      productId: request.productId,
      quantity: request.quantity,
      key: request.key,
      ticket: request.ticket,
      randomA: this.#randoms(),
      randomB: this.#randoms(),
    })
  }

  cart(request: CartRequest): Outcome | Promise<Outcome> {
    if (!keyKnown(this.#sale, request.userId, request.key)) {
      for (const [line, { productId }] of request.items.entries()) {
        const campaign = this.#sale.current.get(productId)
        if (campaign && inFlight(this.#sale, this.#durableOrders, request.userId, campaign.index))
          return refused('duplicate_request', campaign.index, line)
      }
    }
    const items = request.items.map((item) => ({
      ...item,
      randomA: this.#randoms(),
      randomB: this.#randoms(),
    }))
    return this.#take({ kind: 'cart', userId: request.userId, key: request.key, items })
  }

  run(command: PlainCommand): Outcome | Promise<Outcome> {
    return this.#take(command)
  }

  campaign(productId: string): Readonly<Campaign> | undefined {
    return this.#sale.current.get(productId)
  }

  campaigns(): readonly Readonly<Campaign>[] {
    return this.#sale.campaigns
  }

  order(orderId: string): OrderView | undefined {
    const slot = this.#sale.find(orderId)
    return slot < 0 || slot >= this.#durableOrders ? undefined : this.#sale.view(slot)
  }

  ordersOf(userId: string, most: number, before?: number): readonly OrderView[] {
    const below = Math.min(before ?? this.#durableOrders, this.#durableOrders)
    return this.#sale.ordersOf(userId, most, below).map((slot) => this.#sale.view(slot))
  }

  /** The order as it is now, once that is durable; undefined where there is none. */
  async durableOrder(orderId: string): Promise<OrderView | undefined> {
    const order = this.order(orderId)
    if (order && this.#sale.campaignOf(order.slot).lastSequence > this.#durableSequence)
      await this.#settled()
    return order
  }

  /** Slot of a durable order; -1 where there is none. O(1). */
  slotOf(orderId: string): number {
    const slot = this.#sale.find(orderId)
    return slot < this.#durableOrders ? slot : -1
  }

  /** Index of the campaign of the order in `slot`. */
  campaignOf(slot: number): number {
    return this.#sale.orders.campaign[slot] as number
  }

  /** Status of the order in `slot`, durable or not. O(1). */
  statusOf(slot: number): OrderStatus {
    return orderStatuses[this.#sale.orders.status[slot] as number] ?? 'reserved'
  }

  /** The order in `slot` as it is now, durable or not: for answers that have waited already. */
  view(slot: number): OrderView {
    return this.#sale.view(slot)
  }

  /** Slots of a campaign's orders. O(all orders): for audits. */
  slotsOf(campaign: number): number[] {
    const slots: number[] = []
    for (let slot = 0; slot < this.#durableOrders; slot++)
      if (this.#sale.orders.campaign[slot] === campaign) slots.push(slot)
    return slots
  }

  /** Counts as of now, and the record of the log that leads exactly to them. O(campaigns). */
  capture(): LedgerCapture {
    this.#flush()
    const campaigns = countsOf(this.#sale)
    const record = this.#journal.lastSequence
    return { record, sequence: this.#sale.sequence, chainHead: this.chainHead, campaigns }
  }

  /** Resolves once everything taken so far is durable. */
  settled(): Promise<void> {
    return this.#settled()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #take(command: Command): Outcome | Promise<Outcome> {
    if (this.#failure) throw this.#failure
    if (this.#closing) throw new Fault('shutting_down')
    if (this.#journal.pendingBytes + this.#writer.length > this.#pendingBytesMax)
      throw new Fault('overloaded', 'the disk cannot keep up', { retryAfterSeconds: 1 })
    const before = this.#sale.sequence
    const outcome = execute(this.#core, command, this.#clock.now())
    if (this.#sale.sequence !== before) {
      this.#crash('ledger.after-decision')
      const durable = this.#whenDurable(outcome)
      if (this.#writer.length > this.#recordBytesMax) this.#flush()
      else this.#schedule()
      return durable
    }
    if (restsOnPending(this.#sale, this.#durableSequence, outcome))
      return this.#whenDurable(outcome)
    this.#immediate++
    return outcome
  }

  #whenDurable(outcome: Outcome): Promise<Outcome> {
    return this.#settled().then(() => outcome)
  }

  /** Settles when everything taken so far is durable; one promise a turn. */
  #settled(): Promise<void> {
    if (this.#writer.length === 0) return this.#journal.durable().catch(rethrow)
    if (!this.#waiting) {
      this.#waiting = new Promise((resolve, reject) => {
        this.#settle = { resolve, reject }
      })
      this.#waiting.catch(ignore)
    }
    return this.#waiting
  }

  /** Bytes of events that make a record before the turn is over. */
  get #recordBytesMax(): number {
    return this.#journal.pendingBytes === 0 ? this.#recordBytesEarly : recordBytesSoft
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#turn(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  /** One append for all events of the turn. */
  #flush(): void {
    if (this.#writer.length === 0) return
    const settle = this.#settle
    this.#waiting = undefined
    this.#settle = undefined
    const reached = { sequence: this.#sale.sequence, orders: this.#sale.orders.size }
    endRecord(this.#writer, this.#chain)
    const bytes = this.#writer.view()
    try {
      this.#crash('ledger.before-append')
      const record = this.#append(bytes)
      this.#feed.keep(record, bytes)
      this.#crash('ledger.after-append')
    } catch (caught) {
      this.#writer.reset()
      return this.#fail(caught, settle)
    }
    this.#writer.reset()
    this.#journal.durable().then(
      () => {
        this.#crash('ledger.before-answers')
        this.#durableSequence = reached.sequence
        this.#durableOrders = reached.orders
        settle?.resolve()
        this.#feed.wake()
        this.#crash('ledger.after-answers')
      },
      (caught: unknown) => this.#fail(caught, settle),
    )
  }

  /** The state is ahead of the disk and cannot be taken back: nothing is taken from now on. */
  #fail(caught: unknown, settle: { reject: (fault: Fault) => void } | undefined): void {
    const fault = Fault.from(caught, 'store_unavailable')
    if (!this.#failure)
      this.#options.log.error('the ledger stopped taking purchases', { code: fault.code }, caught)
    this.#failure ??= fault
    settle?.reject(fault)
    this.#settle?.reject(fault)
  }

  #tick(): void {
    if (this.#failure || this.#closing) return
    if (this.#journal.pendingBytes < this.#pendingBytesMax / 2) {
      const before = this.#sale.sequence
      const { spared } = this.#options
      const command: Command = { kind: 'expire', most: expiriesATurn, ...(spared && { spared }) }
      execute(this.#core, command, this.#clock.now())
      if (this.#sale.sequence !== before) this.#schedule()
    }
    this.#snapshots.consider()
  }

  /** Saves the state as of now, so that recovery reads only what comes later. O(state). */
  snapshot(): Promise<void> {
    this.#flush()
    return this.#snapshots.save()
  }

  async #close(): Promise<void> {
    this.#timer?.cancel()
    this.#flush()
    if (!this.#failure) await this.#snapshots.close()
    this.#feed.wake()
    await this.#journal.close()
  }
}

const ignore = (): void => {}

const rethrow = (caught: unknown): never => {
  throw Fault.from(caught, 'store_unavailable')
}
