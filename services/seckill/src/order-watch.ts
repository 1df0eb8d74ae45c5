import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { OrderView } from './domain/command.ts'
import type { OrderStatus } from './domain/order-table.ts'
import type { Ledger } from './ledger/ledger.ts'

/** What a watch waits for. */
interface Watcher {
  readonly orderId: string
  /** The status to leave; undefined waits for the order to exist. */
  readonly after: OrderStatus | undefined
  readonly untilMs: number
  readonly done: (order: OrderView | undefined) => void
}

/** How often waiting calls look again, ms: one timer for all of them. */
const lookEveryMs = 20

/** Most calls that wait at once; more are refused with `overloaded`. */
export const watchersMax = 20_000

/** Lets calls wait for an order to appear, or to change its status. */
export class OrderWatch {
  readonly #ledger: Ledger
  readonly #clock: Clock
  #watchers: Watcher[] = []
  #timer: Timer | undefined

  constructor(ledger: Ledger, clock: Clock) {
    this.#ledger = ledger
    this.#clock = clock
  }

  /** Calls that wait now. */
  get size(): number {
    return this.#watchers.length
  }

  /**
   * The order once it exists and its status is not `after`, or as it is after `waitMs`; undefined
   * where it does not exist by then.
   */
  async wait(
    orderId: string,
    after: OrderStatus | undefined,
    waitMs: number,
  ): Promise<OrderView | undefined> {
    const order = this.#ledger.order(orderId)
    if (waitMs <= 0 || (order && order.status !== after)) return order
    if (this.#watchers.length >= watchersMax)
      throw new Fault('overloaded', 'too many calls wait for orders', { retryAfterSeconds: 1 })
    return await new Promise((resolve) => {
      const untilMs = this.#clock.elapsed() + waitMs
      this.#watchers.push({ orderId, after, untilMs, done: resolve })
      this.#timer ??= this.#clock.every(lookEveryMs, () => this.#look())
    })
  }

  /** Answers all who wait with what is known now. */
  close(): void {
    for (const { done, orderId } of this.#watchers.splice(0)) done(this.#ledger.order(orderId))
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #look(): void {
    const nowMs = this.#clock.elapsed()
    this.#watchers = this.#watchers.filter(({ orderId, after, untilMs, done }) => {
      const order = this.#ledger.order(orderId)
      const over = nowMs >= untilMs || (order && order.status !== after)
      if (over) done(order)
      return !over
    })
    if (this.#watchers.length > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
