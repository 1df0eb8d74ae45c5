import type { Transfer } from '../transfer.ts'
import type { PurgeOrder } from './response-index.ts'
import type { Tiers } from './tiers.ts'

/** Most tags whose purge is remembered for transfers on their way; at more, every transfer is doomed. */
export const recentTagsMax = 10_000

/**
 * Purges, and keeps what is on its way in from bringing back what was purged: a transfer that began
 * before a purge that concerns it is never stored.
 */
export class Purger {
  readonly #store: Tiers
  readonly #transfers: ReadonlySet<Transfer>
  #epoch = 0
  /** Epoch of the last purge that named tags. */
  #tagEpoch = 0
  /** Tags purged while transfers were on their way, with the epoch of the purge. */
  readonly #tags = new Map<string, number>()

  constructor(store: Tiers, transfers: ReadonlySet<Transfer>) {
    this.#store = store
    this.#transfers = transfers
  }

  /** Number of purges so far; a transfer notes it when it begins. */
  get epoch(): number {
    return this.#epoch
  }

  /** Removes or softens what `order` names; returns how many responses. O(responses affected), save prefixes: O(responses of the host). */
  purge(order: PurgeOrder, nowMs: number): number {
    this.#epoch++
    if (order.tags.length > 0) this.#tagEpoch = this.#epoch
    const count = this.#store.purge(order, nowMs)
    this.#doom(order)
    return count
  }

  /** True where no purge since `transfer` began may concern an answer whose tags are not known yet. */
  spares(transfer: Transfer): boolean {
    return transfer.epoch >= this.#tagEpoch
  }

  /** True where `transfer`, with `tags` on its answer, may be stored: no purge since it began concerns it. */
  admits(transfer: Transfer, tags: readonly string[]): boolean {
    if (transfer.doomed) return false
    return !tags.some((tag) => (this.#tags.get(tag) ?? 0) > transfer.epoch)
  }

  /** Forgets what no transfer needs any more; called when a transfer ends. */
  settled(): void {
    if (this.#transfers.size === 0) this.#tags.clear()
  }

  #doom(order: PurgeOrder): void {
    if (this.#transfers.size === 0) return
    const keys = new Set(order.keys)
    const hosts = new Set(order.hosts)
    const everything = order.all || this.#tags.size + order.tags.length > recentTagsMax
    for (const transfer of this.#transfers) {
      const { key, host } = transfer.asked
      if (
        everything ||
        keys.has(key) ||
        hosts.has(host) ||
        order.prefixes.some((prefix) => key.startsWith(prefix))
      )
        transfer.doomed = true
    }
    for (const tag of order.tags) this.#tags.set(tag, this.#epoch)
  }
}
