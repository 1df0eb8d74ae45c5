import type { Catalogue, Item } from '../catalogue.ts'

/** Most items of a list that may share one value of an attribute. */
export interface Quota {
  /** `category`: the first category; anything else, say `brand`, is the value of the tag `brand:...`. */
  readonly attribute: string
  readonly most: number
}

/** The value of `attribute` that counts against a quota; undefined where the item has none. */
export function attributeOf(item: Item, attribute: string): string | undefined {
  if (attribute === 'category') return item.categories[0]
  const prefix = `${attribute}:`
  return item.tags.find((tag) => tag.startsWith(prefix))?.slice(prefix.length)
}

/** Counts what a list holds of each value. An item without a value counts against nothing. */
export class QuotaBook {
  readonly #quotas: readonly Quota[]
  /** Group of candidate c under quota q at c * quotas + q; -1 for none. */
  readonly #groups: Int32Array
  readonly #counts: number[] = []
  /** 1 for each candidate that would break a quota. */
  readonly #closed: Uint8Array

  /** `items`: the candidates, by their place in the other calls. */
  constructor(quotas: readonly Quota[], items: readonly number[], catalogue: Catalogue) {
    this.#quotas = quotas
    this.#groups = new Int32Array(items.length * quotas.length).fill(-1)
    this.#closed = new Uint8Array(items.length)
    for (let quota = 0; quota < quotas.length; quota++) {
      const { attribute, most } = quotas[quota] as Quota
      const numbers = new Map<string, number>()
      for (let at = 0; at < items.length; at++) {
        const item = catalogue.at(items[at] as number)
        const value = item && attributeOf(item, attribute)
        if (value === undefined) continue
        let group = numbers.get(value)
        if (group === undefined) {
          group = this.#counts.push(0) - 1
          numbers.set(value, group)
        }
        this.#groups[at * quotas.length + quota] = group
        if (most <= 0) this.#closed[at] = 1
      }
    }
  }

  /** True while candidate `at` breaks no quota. O(1). */
  allows(at: number): boolean {
    return this.#closed[at] === 0
  }

  /** Counts candidate `at` as part of the list. O(candidates) where that fills a quota. */
  enter(at: number): void {
    for (let quota = 0; quota < this.#quotas.length; quota++) {
      const group = this.#groups[at * this.#quotas.length + quota] as number
      if (group < 0) continue
      const count = (this.#counts[group] as number) + 1
      this.#counts[group] = count
      if (count >= (this.#quotas[quota] as Quota).most) this.#close(quota, group)
    }
  }

  #close(quota: number, group: number): void {
    const width = this.#quotas.length
    for (let at = 0; at < this.#closed.length; at++)
      if (this.#groups[at * width + quota] === group) this.#closed[at] = 1
  }
}
