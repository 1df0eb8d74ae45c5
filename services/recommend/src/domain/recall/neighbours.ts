/**
 * One item's neighbours with their weights, side by side in the order they came: read straight
 * through by a request, found by hash when an event adds to one. 12 bytes a neighbour of room and 4
 * of hash; `add` and `get` are O(1).
 */
export class Neighbours {
  #items = new Uint32Array(8)
  #weights = new Float64Array(8)
  /** Place of an item plus one, by hash with linear probing; 0: free. Twice as long as the room. */
  #slots: Uint16Array | Uint32Array = new Uint16Array(16)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The items; those from `size` on are not in use. Do not change them. */
  get items(): Uint32Array {
    return this.#items
  }

  /** The weights, place by place. Do not change them. */
  get weights(): Float64Array {
    return this.#weights
  }

  /** The weight of `item`; undefined where it is no neighbour. */
  get(item: number): number | undefined {
    const slot = this.#slots[this.#slotOf(item)] as number
    return slot === 0 ? undefined : this.#weights[slot - 1]
  }

  /** Adds to a neighbour; a new one only takes what is above 0. Gives what was added. */
  add(item: number, by: number): number {
    let at = this.#slotOf(item)
    const slot = this.#slots[at] as number
    if (slot !== 0) {
      this.#weights[slot - 1] = (this.#weights[slot - 1] as number) + by
      return by
    }
    // A neighbour that was pruned away has nothing left to take from.
    if (by <= 0) return 0
    if (this.#size === this.#items.length) {
      this.#grow()
      at = this.#slotOf(item)
    }
    this.#items[this.#size] = item
    this.#weights[this.#size] = by
    this.#slots[at] = ++this.#size
    return by
  }

  scale(factor: number): void {
    for (let at = 0; at < this.#size; at++)
      this.#weights[at] = (this.#weights[at] as number) * factor
  }

  /** The `most` heaviest, heaviest first; among equals the lower item. */
  heaviest(most: number): Neighbours {
    const items = this.#items
    const weights = this.#weights
    const order = Array.from({ length: this.#size }, (_, at) => at)
    order.sort(
      (a, b) =>
        (weights[b] as number) - (weights[a] as number) ||
        (items[a] as number) - (items[b] as number),
    )
    const kept = new Neighbours()
    for (const at of order.slice(0, most)) kept.#push(items[at] as number, weights[at] as number)
    return kept
  }

  *[Symbol.iterator](): Generator<readonly [item: number, weight: number]> {
    for (let at = 0; at < this.#size; at++)
      yield [this.#items[at] as number, this.#weights[at] as number]
  }

  /** A row as it was saved, whatever its weights. */
  static of(items: ArrayLike<number>, weights: ArrayLike<number>): Neighbours {
    const row = new Neighbours()
    for (let at = 0; at < items.length; at++) row.#push(items[at] as number, weights[at] as number)
    return row
  }

  /** Puts a neighbour that is not there yet behind the others. */
  #push(item: number, weight: number): void {
    if (this.#size === this.#items.length) this.#grow()
    const at = this.#slotOf(item)
    this.#items[this.#size] = item
    this.#weights[this.#size] = weight
    this.#slots[at] = ++this.#size
  }

  /** The slot of `item`, or the free one it would go to. At least half of the slots are free. */
  #slotOf(item: number): number {
    const mask = this.#slots.length - 1
    let at = (Math.imul(item, 0x9e3779b1) >>> 16) & mask
    for (;;) {
      const slot = this.#slots[at] as number
      if (slot === 0 || this.#items[slot - 1] === item) return at
      at = (at + 1) & mask
    }
  }

  #grow(): void {
    const room = this.#items.length * 2
    const items = new Uint32Array(room)
    items.set(this.#items)
    const weights = new Float64Array(room)
    weights.set(this.#weights)
    this.#items = items
    this.#weights = weights
    this.#slots = 2 * room > 0xffff ? new Uint32Array(2 * room) : new Uint16Array(2 * room)
    for (let at = 0; at < this.#size; at++) this.#slots[this.#slotOf(items[at] as number)] = at + 1
  }
}
