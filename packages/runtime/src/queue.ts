import assert from 'node:assert/strict'

/**
 * A first-in, first-out queue that never grows past its limit. Each call is O(1).
 * The caller decides what a full queue means: wait, refuse, or drop and count.
 */
export class BoundedQueue<Item> {
  readonly limit: number
  #items: (Item | undefined)[]
  #head = 0
  #size = 0

  /** `limit`: most items held, a whole number >= 1. */
  constructor(limit: number) {
    assert(Number.isInteger(limit) && limit >= 1, 'a queue needs a limit of at least 1')
    this.limit = limit
    this.#items = Array.from<Item | undefined>({ length: Math.min(limit, 16) })
  }

  /** Items held now. */
  get size(): number {
    return this.#size
  }

  /** True where `push` would refuse. */
  get full(): boolean {
    return this.#size === this.limit
  }

  /** Adds `item` at the end; false, and no change, where the queue is full. */
  push(item: Item): boolean {
    if (this.#size === this.limit) return false
    if (this.#size === this.#items.length) this.#grow()
    this.#items[(this.#head + this.#size) % this.#items.length] = item
    this.#size++
    return true
  }

  /** Takes the oldest item; undefined where the queue is empty. */
  shift(): Item | undefined {
    if (this.#size === 0) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head = (this.#head + 1) % this.#items.length
    this.#size--
    return item
  }

  /** The oldest item, left in place; undefined where the queue is empty. */
  peek(): Item | undefined {
    return this.#size === 0 ? undefined : this.#items[this.#head]
  }

  /** Takes at most `most` of the oldest items. O(taken). */
  take(most: number): Item[] {
    const taken: Item[] = []
    while (taken.length < most && this.#size > 0) taken.push(this.shift() as Item)
    return taken
  }

  #grow(): void {
    const next = Array.from<Item | undefined>({
      length: Math.min(this.limit, this.#items.length * 2),
    })
    for (let at = 0; at < this.#size; at++)
      next[at] = this.#items[(this.#head + at) % this.#items.length]
    this.#items = next
    this.#head = 0
  }
}
