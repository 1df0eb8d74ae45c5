import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { OrderView } from './domain/command.ts'
import type { OrderStatus } from './domain/order-table.ts'
import type { EmbeddedLedger } from './ledger/embedded-ledger.ts'

/** What a watch waits for. */
interface Watcher {
  readonly orderId: string
  /** -1 while the order does not exist. */
  slot: number
  /** The status to leave; undefined waits for the order to exist. */
  readonly after: OrderStatus | undefined
  readonly untilMs: number
  readonly done: () => void
}

/** What a watch asks the ledger. */
type Watched = Pick<EmbeddedLedger, 'durableOrder' | 'slotOf' | 'statusOf'>

/** How often waiting calls look again, ms: one timer for all of them. */
const lookEveryMs = 20

/** The status after which an order changes no more. */
export const finalStatus: OrderStatus = 'refunded'

/** Lets calls wait for an order to appear, or follow its status. */
export class OrderWatch {
  readonly #ledger: Watched
  readonly #clock: Clock
  readonly #most: number
  #watchers: Watcher[] = []
  #calls = 0
  #following = 0
  #timer: Timer | undefined
  #closed = false

  /** `most`: calls that wait and streams that follow, at once; more are refused with `overloaded`. */
  constructor(ledger: Watched, clock: Clock, most: number) {
    this.#ledger = ledger
    this.#clock = clock
    this.#most = most
  }

  /** Throws `overloaded` where as many wait and follow as may. */
  admit(): void {
    // A stream that waits is counted once, as one that follows.
    if (this.#following + this.#calls >= this.#most)
      throw new Fault('overloaded', 'too many calls wait for orders', { retryAfterSeconds: 1 })
  }

  /**
   * The order once it exists and its status is not `after`, or as it is after `waitMs`; undefined
   * where it does not exist by then. What it tells is durable.
   */
  async wait(
    orderId: string,
    after: OrderStatus | undefined,
    waitMs: number,
  ): Promise<OrderView | undefined> {
    const order = await this.#ledger.durableOrder(orderId)
    if (waitMs <= 0 || (order && order.status !== after)) return order
    this.admit()
    this.#calls++
    try {
      return await this.#next(orderId, after, waitMs)
    } finally {
      this.#calls--
    }
  }

  /**
   * The order as it is, unless its status is `after`, then after each change, until it is final,
   * `signal` aborts or the watch closes; undefined after each `quietMs` without one. A status comes
   * once in an order's life, so it says where a reader stopped. Throws `overloaded`.
   */
  async *follow(
    orderId: string,
    after: OrderStatus | undefined,
    quietMs: number,
    signal: AbortSignal,
  ): AsyncGenerator<OrderView | undefined, void, undefined> {
    this.admit()
    this.#following++
    try {
      let seen = after
      while (seen !== finalStatus) {
        const order = await this.#next(orderId, seen, quietMs, signal)
        if (signal.aborted || this.#closed) return
        if (order && order.status !== seen) {
          seen = order.status
          yield order
        } else yield undefined
      }
    } finally {
      this.#following--
    }
  }

  /** Answers all who wait with what is known now; those who follow are let go. */
  close(): void {
    this.#closed = true
    for (const { done } of this.#watchers.splice(0)) done()
    this.#timer?.cancel()
    this.#timer = undefined
  }

  async #next(
    orderId: string,
    after: OrderStatus | undefined,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<OrderView | undefined> {
    const slot = this.#ledger.slotOf(orderId)
    if (!this.#left(slot, after) && !this.#closed && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        const untilMs = this.#clock.elapsed() + waitMs
        const done = (): void => {
          signal?.removeEventListener('abort', leave)
          resolve()
        }
        const watcher = { orderId, slot, after, untilMs, done }
        const leave = (): void => {
          this.#watchers = this.#watchers.filter((each) => each !== watcher)
          resolve()
        }
        signal?.addEventListener('abort', leave, { once: true })
        this.#watchers.push(watcher)
        this.#timer ??= this.#clock.every(lookEveryMs, () => this.#look())
      })
    }
    return await this.#ledger.durableOrder(orderId)
  }

  #left(slot: number, after: OrderStatus | undefined): boolean {
    return slot >= 0 && this.#ledger.statusOf(slot) !== after
  }

  /** About 20 ns a watcher whose order exists. */
  #look(): void {
    const nowMs = this.#clock.elapsed()
    this.#watchers = this.#watchers.filter((watcher) => {
      if (watcher.slot < 0) watcher.slot = this.#ledger.slotOf(watcher.orderId)
      const over = nowMs >= watcher.untilMs || this.#left(watcher.slot, watcher.after)
      if (over) watcher.done()
      return !over
    })
    if (this.#watchers.length > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
