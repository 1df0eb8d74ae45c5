/** Slots of a table that has room for `count` ids: a power of two, at most half of it in use. */
function slotsFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(8, 2 * count)))
}

/**
 * Remembers the ids of the newest events, so that one that comes twice counts once. An id is held
 * as 53 bits of its hash, in order of arrival and in a table of places: 16 to 24 bytes, nothing for
 * the collector to visit. Among `limit` = 500,000 remembered ids the chance that a new event is
 * taken for an old one is 6e-11. O(1) a call.
 */
export class EventMemory {
  readonly limit: number
  /** A ring of hashes, the oldest at `#first`; NaN: forgotten since. Grows up to `limit`. */
  #ring = new Float64Array(64)
  #first = 0
  #used = 0
  /** Place in the ring plus one, by hash with linear probing; 0: free. */
  #slots: Uint32Array = new Uint32Array(slotsFor(64))
  #size = 0
  #forgotten = 0

  /** `limit`: ids remembered; the oldest are forgotten first. */
  constructor(limit: number, hashes: Iterable<number> = []) {
    this.limit = Math.max(1, limit)
    for (const hash of hashes) this.#admit(hash)
    this.#forgotten = 0
  }

  /** Ids that had to make room. */
  get forgotten(): number {
    return this.#forgotten
  }

  get size(): number {
    return this.#size
  }

  has(eventId: string): boolean {
    return this.#slots[this.#slotOf(hashOf(eventId))] !== 0
  }

  /** True, and the id is remembered, where it is new; false where it is known. */
  admit(eventId: string): boolean {
    return this.#admit(hashOf(eventId))
  }

  /** Forgets an id: its event did not become durable. */
  forget(eventId: string): void {
    const slot = this.#slotOf(hashOf(eventId))
    const place = this.#slots[slot] as number
    if (place === 0) return
    this.#ring[place - 1] = NaN
    this.#free(slot)
  }

  /** The hashes, oldest first. */
  *hashes(): IterableIterator<number> {
    for (let at = 0; at < this.#used; at++) {
      const hash = this.#ring[(this.#first + at) % this.#ring.length] as number
      if (!Number.isNaN(hash)) yield hash
    }
  }

  #admit(hash: number): boolean {
    const slot = this.#slotOf(hash)
    if (this.#slots[slot] !== 0) return false
    if (this.#used >= this.limit) this.#dropOldest()
    else if (this.#used === this.#ring.length) this.#grow()
    const place = (this.#first + this.#used++) % this.#ring.length
    this.#ring[place] = hash
    this.#slots[this.#slotOf(hash)] = place + 1
    this.#size++
    return true
  }

  #dropOldest(): void {
    const hash = this.#ring[this.#first] as number
    this.#first = (this.#first + 1) % this.#ring.length
    this.#used--
    if (Number.isNaN(hash)) return
    this.#free(this.#slotOf(hash))
    this.#forgotten++
  }

  /** The ring is full and may be longer: its oldest is at its start then. */
  #grow(): void {
    const ring = new Float64Array(Math.min(this.limit, this.#ring.length * 2))
    const kept = this.#ring.length - this.#first
    ring.set(this.#ring.subarray(this.#first))
    ring.set(this.#ring.subarray(0, this.#first), kept)
    this.#ring = ring
    this.#first = 0
    this.#slots = new Uint32Array(slotsFor(ring.length))
    for (let place = 0; place < this.#used; place++) {
      const hash = ring[place] as number
      if (!Number.isNaN(hash)) this.#slots[this.#slotOf(hash)] = place + 1
    }
  }

  /** The slot of `hash`, or the free one it would go to. */
  #slotOf(hash: number): number {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (;;) {
      const place = this.#slots[slot] as number
      if (place === 0 || this.#ring[place - 1] === hash) return slot
      slot = (slot + 1) & mask
    }
  }

  /** Empties a slot and closes the gap, so that no search ends too early (Knuth 6.4, algorithm R). */
  #free(slot: number): void {
    const mask = this.#slots.length - 1
    this.#size--
    let gap = slot
    for (let at = (gap + 1) & mask; this.#slots[at] !== 0; at = (at + 1) & mask) {
      const home = (this.#ring[(this.#slots[at] as number) - 1] as number) & mask
      if (((at - home) & mask) < ((at - gap) & mask)) continue
      this.#slots[gap] = this.#slots[at] as number
      gap = at
    }
    this.#slots[gap] = 0
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
