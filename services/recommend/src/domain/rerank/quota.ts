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

  /** `items`: the candidates, by their place in the other calls. */
  constructor(quotas: readonly Quota[], items: readonly number[], catalogue: Catalogue) {
    this.#quotas = quotas
    this.#groups = new Int32Array(items.length * quotas.length).fill(-1)
    const numbers = new Map<string, number>()
    items.forEach((number, at) => {
      const item = catalogue.at(number)
      if (item === undefined) return
      quotas.forEach(({ attribute }, quota) => {
        const value = attributeOf(item, attribute)
        if (value === undefined) return
        const name = `${quota} ${value}`
        const group = numbers.get(name) ?? numbers.size
        numbers.set(name, group)
        this.#groups[at * quotas.length + quota] = group
      })
    })
  }

  /** True while candidate `at` breaks no quota. O(quotas). */
  allows(at: number): boolean {
    const count = this.#quotas.length
    for (let quota = 0; quota < count; quota++) {
      const group = this.#groups[at * count + quota] as number
      const { most } = this.#quotas[quota] as Quota
      if (group >= 0 && (this.#counts[group] ?? 0) >= most) return false
    }
    return true
  }

  /** Counts candidate `at` as part of the list. */
  enter(at: number): void {
    for (let quota = 0; quota < this.#quotas.length; quota++) {
      const group = this.#groups[at * this.#quotas.length + quota] as number
      if (group >= 0) this.#counts[group] = (this.#counts[group] ?? 0) + 1
    }
  }
}
