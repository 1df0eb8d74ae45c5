import type { OrderView } from '../domain/command.ts'
import type { Payment } from './payment-provider.ts'

/** A payment that a provider said is under way. */
export interface PendingPayment extends Payment {
  readonly slot: number
  /** When the reservation would end, ms since the epoch. */
  readonly deadlineMs: number
  /** When it ends whatever the provider says. */
  readonly graceEndsMs: number
}

/** How many, how long. */
export interface PendingLimits {
  /** Payments remembered; more are not spared at their deadline. */
  readonly most: number
  /** How long past its deadline a reservation is kept, ms. */
  readonly graceMs: number
}

/**
 * Payments under way, by order: their reservations are not ended at the deadline. Kept in memory: a
 * restart forgets them, and a payment that comes late then is reinstated or sent back.
 */
export class PendingPayments {
  readonly #limits: PendingLimits
  readonly #bySlot: Map<number, PendingPayment> = new Map()

  constructor(limits: PendingLimits) {
    this.#limits = limits
  }

  /** Payments under way. */
  get size(): number {
    return this.#bySlot.size
  }

  /** Remembers that a payment for `order` is under way; false where it is too late or there are too many. */
  add(order: OrderView, paymentId: string, nowMs: number): boolean {
    const { slot, orderId, expiresAtMs: deadlineMs } = order
    if (this.#bySlot.has(slot)) return true
    if (order.status !== 'reserved' || nowMs >= deadlineMs) return false
    if (this.#bySlot.size >= this.#limits.most) return false
    const graceEndsMs = deadlineMs + this.#limits.graceMs
    this.#bySlot.set(slot, { slot, orderId, paymentId, deadlineMs, graceEndsMs })
    return true
  }

  /** True where the reservation in `slot` is spared. */
  has(slot: number): boolean {
    return this.#bySlot.has(slot)
  }

  /** Forgets the payment of the order in `slot`. */
  drop(slot: number): void {
    this.#bySlot.delete(slot)
  }

  /** Those whose deadline is past. O(pending). */
  overdue(nowMs: number): PendingPayment[] {
    return [...this.#bySlot.values()].filter(({ deadlineMs }) => nowMs >= deadlineMs)
  }
}
