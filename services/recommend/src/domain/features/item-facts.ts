import type { Catalogue, Item } from '../catalogue.ts'
import { tokenOf } from './token.ts'

/**
 * What a vector says of an item whatever the time and the user, worked out once for each version of
 * the item: a changed item is another object, so old facts are never taken for it. Side by side in
 * typed arrays, so that a list need not look at the items themselves. 36 bytes an item.
 */
export class ItemFacts {
  readonly #catalogue: Catalogue
  readonly #of: (Item | undefined)[] = []
  /** log(1 + price); NaN where there is none. */
  #logPrices = new Float64Array(64)
  /** NaN where there is none. */
  #publishedMs = new Float64Array(64)
  #tokens = new Uint32Array(128)
  /** Number of the first category; -1 where there is none. */
  #first = new Int32Array(64)
  /** Numbers of all categories, of items that have several. */
  readonly #several = new Map<number, readonly number[]>()
  readonly #categories = new Map<string, number>()
  /** A user's interest by number of category; 0 but for those in `#heard`. */
  #interest = new Float64Array(64)
  #heard: number[] = []

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
  }

  /** Brings the facts of an item up to date; false where there is no such item. */
  has(number: number): boolean {
    const item = this.#catalogue.at(number)
    if (item === undefined) return false
    if (this.#of[number] !== item) this.#note(number, item)
    return true
  }

  /** log(1 + price), NaN where there is none. This and all below: after `has`. */
  logPrice(number: number): number {
    return this.#logPrices[number] as number
  }

  /** Ms since the Unix epoch; NaN where unknown. */
  publishedMs(number: number): number {
    return this.#publishedMs[number] as number
  }

  itemToken(number: number): number {
    return this.#tokens[2 * number] as number
  }

  /** Of the first category. */
  categoryToken(number: number): number {
    return this.#tokens[2 * number + 1] as number
  }

  /** Sets whose interest `interestIn` is about. */
  hear(interests: readonly (readonly [category: string, share: number])[]): void {
    for (const category of this.#heard) this.#interest[category] = 0
    this.#heard = []
    for (const [name, share] of interests) {
      const category = this.#categories.get(name)
      if (category === undefined) continue
      this.#interest[category] = share
      this.#heard.push(category)
    }
  }

  /** The user's interest in the item's categories, summed. */
  interestIn(number: number): number {
    const first = this.#first[number] as number
    if (first < 0) return 0
    const several = this.#several.size === 0 ? undefined : this.#several.get(number)
    if (several === undefined) return this.#interest[first] as number
    let sum = 0
    for (const category of several) sum += this.#interest[category] as number
    return sum
  }

  #note(number: number, item: Item): void {
    if (number >= this.#logPrices.length) this.#grow()
    while (this.#of.length < number) this.#of.push(undefined)
    this.#of[number] = item
    this.#logPrices[number] = item.price === undefined ? NaN : Math.log1p(item.price)
    this.#publishedMs[number] = item.publishedAtMs ?? NaN
    this.#tokens[2 * number] = tokenOf('item', item.itemId)
    this.#tokens[2 * number + 1] = tokenOf('category', item.categories[0])
    const categories = item.categories.map((name) => this.#categoryOf(name))
    this.#first[number] = categories[0] ?? -1
    if (categories.length > 1) this.#several.set(number, categories)
    else this.#several.delete(number)
  }

  #categoryOf(name: string): number {
    const known = this.#categories.get(name)
    if (known !== undefined) return known
    const category = this.#categories.size
    this.#categories.set(name, category)
    if (category >= this.#interest.length) {
      const interest = new Float64Array(2 * category)
      interest.set(this.#interest)
      this.#interest = interest
    }
    return category
  }

  #grow(): void {
    const room = Math.max(this.#catalogue.size, 2 * this.#logPrices.length)
    const logPrices = new Float64Array(room)
    logPrices.set(this.#logPrices)
    this.#logPrices = logPrices
    const publishedMs = new Float64Array(room)
    publishedMs.set(this.#publishedMs)
    this.#publishedMs = publishedMs
    const tokens = new Uint32Array(2 * room)
    tokens.set(this.#tokens)
    this.#tokens = tokens
    const first = new Int32Array(room)
    first.set(this.#first)
    this.#first = first
  }
}
