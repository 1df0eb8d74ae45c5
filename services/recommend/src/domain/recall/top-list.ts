/** The best of a list, best first, with a worth beside each. */
export interface TopItems {
  readonly items: Uint32Array
  /** Powers of the sums as they were when the list was last made. */
  readonly worth: Float64Array
}

/**
 * The items with the greatest sums, kept while sums only grow: what did not change keeps its order,
 * so a new list is the old one merged with what changed. O(held + changed log changed) a renewal
 * instead of a sort of the catalogue.
 */
export class TopList {
  readonly most: number
  readonly #sumOf: (item: number) => number
  #items: Uint32Array
  #worths: Map<number, Float64Array> = new Map()
  readonly #changed = new Set<number>()
  readonly #byWorth = (a: number, b: number): number => this.#sumOf(b) - this.#sumOf(a) || a - b

  /** The `most` greatest of items 0 to `items` - 1; only what is above 0. O(items log items). */
  constructor(most: number, items: number, sumOf: (item: number) => number) {
    this.most = most
    this.#sumOf = sumOf
    const order: number[] = []
    for (let item = 0; item < items; item++) if (sumOf(item) > 0) order.push(item)
    this.#items = Uint32Array.from(order.sort(this.#byWorth).slice(0, most))
  }

  /** Items that changed since the list was made. */
  get changed(): number {
    return this.#changed.size
  }

  /** Greatest first; ties by item. */
  get items(): Uint32Array {
    return this.#items
  }

  /** The items with their sums to the power of `power`. Held for each power asked for. */
  powered(power: number): TopItems {
    let worth = this.#worths.get(power)
    if (worth === undefined) {
      const sumOf = this.#sumOf
      worth = Float64Array.from(this.#items, (item) =>
        power === 0.5 ? Math.sqrt(sumOf(item)) : sumOf(item) ** power,
      )
      this.#worths.set(power, worth)
    }
    return { items: this.#items, worth }
  }

  /** Tells the list that the sum of `item` grew. */
  grew(item: number): void {
    this.#changed.add(item)
  }

  /** Takes in what changed. */
  renew(): void {
    const changed = [...this.#changed].filter((item) => this.#sumOf(item) > 0).sort(this.#byWorth)
    const old = this.#items
    const room = new Uint32Array(Math.min(this.most, old.length + changed.length))
    let count = 0
    let from = 0
    let other = 0
    while (count < room.length) {
      while (from < old.length && this.#changed.has(old[from] as number)) from++
      const next = changed[other]
      if (from >= old.length && next === undefined) break
      const takesOld =
        next === undefined || (from < old.length && this.#byWorth(old[from] as number, next) < 0)
      room[count++] = takesOld ? (old[from++] as number) : (changed[other++] as number)
    }
    this.#items = room.slice(0, count)
    this.#worths.clear()
    this.#changed.clear()
  }
}
