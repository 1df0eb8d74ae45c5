/**
 * Remembers the ids of the newest events, so that one that comes twice counts once. An id is held
 * as 53 bits of its hash: 40 bytes instead of hundreds. Among `limit` = 500,000 remembered ids the
 * chance that a new event is taken for an old one is 6e-11. O(1) a call.
 */
export class EventMemory {
  readonly limit: number
  readonly #hashes = new Set<number>()
  #forgotten = 0

  /** `limit`: ids remembered; the oldest are forgotten first. */
  constructor(limit: number, hashes: Iterable<number> = []) {
    this.limit = limit
    for (const hash of hashes) this.#hashes.add(hash)
  }

  /** Ids that had to make room. */
  get forgotten(): number {
    return this.#forgotten
  }

  get size(): number {
    return this.#hashes.size
  }

  has(eventId: string): boolean {
    return this.#hashes.has(hashOf(eventId))
  }

  /** True, and the id is remembered, where it is new; false where it is known. */
  admit(eventId: string): boolean {
    const hash = hashOf(eventId)
    if (this.#hashes.has(hash)) return false
    this.#hashes.add(hash)
    if (this.#hashes.size > this.limit) {
      const oldest = this.#hashes.values().next()
      if (!oldest.done && this.#hashes.delete(oldest.value)) this.#forgotten++
    }
    return true
  }

  /** Forgets an id: its event did not become durable. */
  forget(eventId: string): void {
    this.#hashes.delete(hashOf(eventId))
  }

  /** The hashes, oldest first. */
  hashes(): IterableIterator<number> {
    return this.#hashes.values()
  }
}

/** 53 bits of two independent 32-bit hashes (cyrb53, public domain). */
export function hashOf(text: string): number {
  let low = 0xdeadbeef
  let high = 0x41c6ce57
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    low = Math.imul(low ^ unit, 2_654_435_761)
    high = Math.imul(high ^ unit, 1_597_334_677)
  }
  low =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909)
  high =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909)
  return 4_294_967_296 * (2_097_151 & high) + (low >>> 0)
}
