import type { StoredResponse } from './stored-response.ts'
import type { MemoryStore } from './memory-store.ts'
import type { Transfer } from '../transfer.ts'

/** What to purge; each member on its own, all of them together. */
export interface PurgeOrder {
  /** Cache keys. */
  readonly keys: readonly string[]
  readonly tags: readonly string[]
  /** Beginnings of cache keys: `http://host/path/`. */
  readonly prefixes: readonly string[]
  readonly hosts: readonly string[]
  readonly all: boolean
  /** Marks stale in place of removing: served while it is validated and where the origin fails. */
  readonly soft: boolean
}

/** How long after a soft purge a response may still be served stale, ms. */
export const softPurgeStaleMs = 86_400_000

/** Most tags whose purge is remembered for transfers on their way; at more, every transfer is doomed. */
export const recentTagsMax = 10_000

/**
 * Purges, and keeps what is on its way in from bringing back what was purged: a transfer that began
 * before a purge that concerns it is never stored.
 */
export class Purger {
  readonly #store: MemoryStore
  readonly #transfers: ReadonlySet<Transfer>
  #epoch = 0
  /** Tags purged while transfers were on their way, with the epoch of the purge. */
  readonly #tags = new Map<string, number>()

  constructor(store: MemoryStore, transfers: ReadonlySet<Transfer>) {
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
    const found = new Set<StoredResponse>()
    for (const key of order.keys) for (const stored of this.#store.variants(key)) found.add(stored)
    for (const tag of order.tags) for (const stored of this.#store.tagged(tag)) found.add(stored)
    for (const host of order.hosts) for (const stored of this.#store.ofHost(host)) found.add(stored)
    for (const prefix of order.prefixes) this.#collectPrefix(prefix, found)
    if (order.all) for (const stored of this.#store.all()) found.add(stored)
    for (const stored of found) {
      if (order.soft) soften(stored, nowMs)
      else this.#store.remove(stored)
    }
    this.#doom(order)
    return found.size
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

  #collectPrefix(prefix: string, found: Set<StoredResponse>): void {
    if (!URL.canParse(prefix)) return
    for (const host of [new URL(prefix).host]) {
      for (const stored of this.#store.ofHost(host)) {
        if (stored.key.startsWith(prefix)) found.add(stored)
      }
    }
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

function soften(stored: StoredResponse, nowMs: number): void {
  const { timing } = stored
  if (timing.freshUntilMs <= nowMs) return
  const allowed = timing.neverStale ? 0 : softPurgeStaleMs
  stored.refresh(stored.headers, {
    ...timing,
    freshUntilMs: nowMs,
    staleWhileRevalidateMs: Math.max(timing.staleWhileRevalidateMs, allowed),
    staleIfErrorMs: Math.max(timing.staleIfErrorMs, allowed),
  })
}
