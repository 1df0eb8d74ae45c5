/**
 * The memory tier: stored responses by cache key, bounded by bytes with overhead included.
 *
 * Eviction is SIEVE (Zhang et al., NSDI 2024): one queue, one visited bit, one hand. A hit sets a
 * bit and moves nothing, so the hit path writes one field. The hand walks from old to new: it
 * clears bits and evicts the first response without one. Objects of a scan are never hit again and
 * go first; LRU would keep them for a whole turn of the queue.
 *
 * Limits: `bytesMax` in all; one object at most an eighth of it; `variantsMax` responses a key.
 * Index by tag and by host, so a purge touches only what it removes.
 */
import type { FieldSource } from '../domain/fields.ts'
import { selects, type Selector } from '../domain/vary.ts'
import { ResponseIndex, sameSelectors, type PurgeOrder } from './response-index.ts'
import type { StoredResponse } from './stored-response.ts'

/** Most responses kept for one key; the oldest goes first. */
export const variantsMax = 64

/** Share of the tier one object may take: one of so many parts. */
const largestShare = 8

/** Figures of the tier. */
export interface MemoryFigures {
  readonly objects: number
  readonly bytes: number
  readonly bytesMax: number
  readonly evicted: number
  readonly refused: number
}

/** What is charged for a response that is out, but not out of the lists and indexes. */
const unswept = -1

/** Stored responses in memory. */
export class MemoryStore {
  readonly bytesMax: number
  readonly #index = new ResponseIndex<StoredResponse>()
  #objects = 0
  #newest: StoredResponse | undefined
  #oldest: StoredResponse | undefined
  #hand: StoredResponse | undefined
  #bytes = 0
  #evicted = 0
  #refused = 0
  readonly #onEvicted: (stored: StoredResponse) => void

  /** `onEvicted` hears of responses that had to make room; not of those that were taken out. */
  constructor(bytesMax: number, onEvicted: (stored: StoredResponse) => void = () => {}) {
    this.bytesMax = bytesMax
    this.#onEvicted = onEvicted
  }

  get figures(): MemoryFigures {
    return {
      objects: this.#objects,
      bytes: this.#bytes,
      bytesMax: this.bytesMax,
      evicted: this.#evicted,
      refused: this.#refused,
    }
  }

  /** Largest object taken, bytes with overhead. */
  get objectBytesMax(): number {
    return Math.floor(this.bytesMax / largestShare)
  }

  /** All responses of `key`, newest last; empty where there are none. */
  variants(key: string): readonly StoredResponse[] {
    return this.#index.variants(key)
  }

  /** The newest whole response of `key` that `request` selects; undefined where none. O(variants). */
  find(key: string, request: FieldSource): StoredResponse | undefined {
    const stored = this.#index.find(key, request)
    if (stored) stored.visited = true
    return stored
  }

  /** The newest part of `key` with `selector`, or that `request` selects; undefined where none. O(variants). */
  part(key: string, request: FieldSource, selector?: Selector): StoredResponse | undefined {
    return this.variants(key).findLast(
      (stored) =>
        stored.partial !== undefined &&
        (selector ? sameSelectors(stored.selector, selector) : selects(stored.selector, request)),
    )
  }

  /** Stores `stored` in place of what has its selector; false where it is too large. */
  put(stored: StoredResponse): boolean {
    const bytes = stored.bytes
    // Out, and not swept yet: its old place goes first.
    this.sweep(stored)
    for (let other = this.#index.same(stored); other; other = this.#index.same(stored))
      this.remove(other)
    if (bytes > this.objectBytesMax) {
      this.#refused++
      return false
    }
    while (this.#bytes + bytes > this.bytesMax && this.#evict());
    const variants = this.#index.variants(stored.key)
    if (variants.length >= variantsMax) this.remove(variants[0] as StoredResponse)
    this.#link(stored)
    stored.charged = bytes
    this.#objects++
    this.#bytes += bytes
    this.#index.add(stored)
    return true
  }

  /** Takes `stored` out; nothing where it is out already. O(variants + tags). */
  remove(stored: StoredResponse): void {
    if (!stored.live) return
    this.#discharge(stored)
    this.#unlink(stored)
    this.#index.delete(stored)
  }

  /** Takes `stored` out at once, but leaves its place in lists and indexes to `sweep`: a tenth of the cost. O(1). */
  retire(stored: StoredResponse): void {
    if (!stored.live) return
    this.#discharge(stored)
    stored.charged = unswept
  }

  /** Clears away what `retire` left of `stored`; nothing where that is done. */
  sweep(stored: StoredResponse): void {
    if (stored.charged !== unswept) return
    stored.charged = 0
    this.#unlink(stored)
    this.#index.delete(stored)
  }

  /** True while `stored` is in the tier. */
  holds(stored: StoredResponse): boolean {
    return stored.live
  }

  /** All that `order` names. O(responses found), save prefixes: O(responses of their host). */
  named(order: PurgeOrder): Set<StoredResponse> {
    return this.#index.named(order)
  }

  #evict(): boolean {
    if (this.#objects === 0) return false
    let at = this.#hand ?? this.#oldest
    while (at && (at.visited || !at.live)) {
      at.visited = false
      at = at.newer ?? this.#oldest
    }
    if (!at) return false
    this.#hand = at.newer
    this.#evicted++
    this.remove(at)
    this.#onEvicted(at)
    return true
  }

  #discharge(stored: StoredResponse): void {
    this.#bytes -= stored.charged
    stored.charged = 0
    this.#objects--
  }

  #link(stored: StoredResponse): void {
    stored.older = this.#newest
    stored.newer = undefined
    if (this.#newest) this.#newest.newer = stored
    else this.#oldest = stored
    this.#newest = stored
  }

  #unlink(stored: StoredResponse): void {
    if (this.#hand === stored) this.#hand = stored.newer
    if (stored.newer) stored.newer.older = stored.older
    else this.#newest = stored.older
    if (stored.older) stored.older.newer = stored.newer
    else this.#oldest = stored.newer
    stored.newer = undefined
    stored.older = undefined
  }
}
