import type { Clock, Timer } from '@spate/runtime/clock'
import { errorText, Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { OrderView, Outcome } from '../domain/command.ts'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { PaymentProvider } from './payment-provider.ts'
import type { PendingPayment, PendingPayments } from './pending-payments.ts'

/** What a provider tells of a payment. */
export interface PaymentNotice {
  readonly kind: 'pending' | 'succeeded' | 'failed'
  readonly orderId: string
  readonly paymentId: string
}

/** What a cashier works with. */
export interface CashierOptions {
  readonly ledger: Pick<EmbeddedLedger, 'run' | 'durableOrder' | 'now' | 'slotOf'>
  readonly pending: PendingPayments
  readonly clock: Clock
  readonly log: Log
  /** Absent: nobody can be asked, and what is under way has its grace to end in. */
  readonly provider?: PaymentProvider
}

/** How often payments past their deadline are looked at, ms. */
const lookEveryMs = 200
/** Time between two questions about one payment, ms. */
const askEveryMs = 1000
/** Questions under way at once. */
const askingMax = 16

/**
 * Takes what the provider tells, and asks it before a reservation whose payment is under way ends:
 * the race of payment against expiry is decided once, in the ledger, by the order in which it takes
 * the two.
 */
export class Cashier {
  readonly #options: CashierOptions
  readonly #asking: Map<number, Promise<void>> = new Map()
  /** When each was asked about last. */
  readonly #askedMs: Map<number, number> = new Map()
  #timer: Timer | undefined
  #stopped = false

  constructor(options: CashierOptions) {
    this.#options = options
  }

  /** Begins to look after payments under way. */
  start(): void {
    this.#timer = this.#options.clock.every(lookEveryMs, () => this.#look())
  }

  /** Stops looking; resolves when no question is open. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await Promise.all(this.#asking.values())
  }

  /**
   * Takes a notice; the same one any number of times is one. Resolves to what the ledger made of it,
   * undefined where nothing changes. Throws `not_found` where there is no such order.
   */
  async take(notice: PaymentNotice): Promise<Outcome | undefined> {
    const { kind, orderId, paymentId } = notice
    if (kind === 'succeeded') return await this.pay({ orderId, paymentId })
    const order = await this.#order(orderId)
    const { pending, ledger } = this.#options
    if (kind === 'pending') pending.add(order, paymentId, ledger.now())
    else await this.#end(order.slot)
    return undefined
  }

  /** A payment came in; `userId` where it must be the order's. */
  async pay(payment: {
    readonly orderId: string
    readonly paymentId: string
    readonly userId?: string
  }): Promise<Outcome> {
    const { ledger, pending } = this.#options
    const slot = ledger.slotOf(payment.orderId)
    const spared = slot >= 0 && pending.has(slot)
    const outcome = await ledger.run({ kind: 'pay', ...payment, spared })
    if (outcome.kind === 'order') this.#forget(outcome.slot)
    return outcome
  }

  async #order(orderId: string): Promise<OrderView> {
    const order = await this.#options.ledger.durableOrder(orderId)
    if (!order) throw new Fault('not_found', 'there is no such order')
    return order
  }

  /** The payment came to nothing: the reservation ends at its deadline, or now where that is past. */
  async #end(slot: number): Promise<void> {
    if (!this.#options.pending.has(slot)) return
    this.#forget(slot)
    await this.#options.ledger.run({ kind: 'lapse', slot })
  }

  #forget(slot: number): void {
    this.#options.pending.drop(slot)
    this.#askedMs.delete(slot)
  }

  #look(): void {
    if (this.#stopped) return
    const { pending, ledger, provider, clock } = this.#options
    const nowMs = ledger.now()
    for (const payment of pending.overdue(nowMs)) {
      const { slot, graceEndsMs } = payment
      if (this.#asking.has(slot)) continue
      const over = nowMs >= graceEndsMs
      const asked = this.#askedMs.get(slot) ?? Number.NEGATIVE_INFINITY
      if (!over && (!provider || clock.elapsed() - asked < askEveryMs)) continue
      if (this.#asking.size >= askingMax) return
      this.#askedMs.set(slot, clock.elapsed())
      const question = this.#ask(payment, over)
        .catch((caught: unknown) => this.#unanswered(payment, caught))
        .finally(() => this.#asking.delete(slot))
      this.#asking.set(slot, question)
    }
  }

  /** Asks what became of it; the last time, anything but "succeeded" ends the reservation. */
  async #ask(payment: PendingPayment, last: boolean): Promise<void> {
    const { provider } = this.#options
    const { orderId, paymentId, slot } = payment
    let state: string = 'unknown'
    try {
      state = provider ? await provider.state(payment) : 'pending'
    } catch (caught) {
      if (!last) throw caught
      this.#unanswered(payment, caught)
    }
    if (state === 'succeeded') await this.pay({ orderId, paymentId })
    else if (last || state !== 'pending') await this.#end(slot)
  }

  #unanswered({ orderId }: PendingPayment, caught: unknown): void {
    const error = errorText(caught)
    this.#options.log.warn('the payment provider was asked in vain', { orderId, error })
  }
}
