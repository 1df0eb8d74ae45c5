import { itemSets, usersByItem, type Interactions } from '../domain/recall/interactions.ts'

/** How lists look beside what they find. */
export interface ListShape {
  /** Share of the catalogue that is in any list. */
  readonly coverage: number
  /** Gini coefficient of showings over the catalogue: 0 all items alike, 1 one item alone. */
  readonly gini: number
  /** Mean -log2 of the share of events a shown item has in TRAIN, bits: rare items are news. */
  readonly novelty: number
  /** Mean cosine over pairs of one list, by the users in common; over the first 1000 lists. */
  readonly similarity: number
}

/** Lists whose pairs are compared: more would not move the mean. */
const comparedMax = 1000
/** Places of a list that are compared. */
const comparedPlaces = 10

/** Takes lists one by one and says at the end what they have in common. */
export class ListShapes {
  readonly #shown: Uint32Array
  readonly #counts: Uint32Array
  readonly #events: number
  readonly #start: Uint32Array
  readonly #users: Uint32Array
  #lists = 0
  #pairs = 0
  #cosines = 0

  constructor(interactions: Interactions) {
    this.#shown = new Uint32Array(interactions.itemCount)
    this.#counts = itemCounts(interactions)
    this.#events = interactions.items.length
    const { start, users } = usersByItem(itemSets(interactions, Infinity))
    this.#start = start
    this.#users = users
  }

  /** One list, best first. O(places^2 x users of an item) for the first 1000. */
  show(list: readonly number[]): void {
    for (const item of list) this.#shown[item] = (this.#shown[item] as number) + 1
    if (this.#lists++ >= comparedMax) return
    const compared = list.slice(0, comparedPlaces)
    compared.forEach((one, at) => {
      for (const other of compared.slice(at + 1)) {
        this.#pairs++
        this.#cosines += this.#cosine(one, other)
      }
    })
  }

  figures(): ListShape {
    const shown = this.#shown
    const total = shown.reduce((sum, count) => sum + count, 0)
    if (total === 0) return { coverage: 0, gini: 0, novelty: 0, similarity: 0 }
    let weighted = 0
    Float64Array.from(shown)
      .sort()
      .forEach((count, at) => {
        weighted += (2 * (at + 1) - shown.length - 1) * count
      })
    let novelty = 0
    shown.forEach((count, item) => {
      const share = Math.max(1, this.#counts[item] as number) / this.#events
      if (count > 0) novelty += (count / total) * -Math.log2(share)
    })
    return {
      coverage: shown.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0) / shown.length,
      gini: weighted / (shown.length * total),
      novelty,
      similarity: this.#pairs === 0 ? 0 : this.#cosines / this.#pairs,
    }
  }

  #cosine(one: number, other: number): number {
    const users = this.#users
    const end = this.#start[one + 1] as number
    const otherEnd = this.#start[other + 1] as number
    const first = this.#start[one] as number
    const otherFirst = this.#start[other] as number
    let shared = 0
    for (let a = first, b = otherFirst; a < end && b < otherEnd;) {
      const difference = (users[a] as number) - (users[b] as number)
      if (difference === 0) shared++
      if (difference <= 0) a++
      if (difference >= 0) b++
    }
    const size = (end - first) * (otherEnd - otherFirst)
    return size === 0 ? 0 : shared / Math.sqrt(size)
  }
}

/** Events of each item. */
export function itemCounts(interactions: Interactions): Uint32Array {
  const counts = new Uint32Array(interactions.itemCount)
  for (const item of interactions.items) counts[item] = (counts[item] as number) + 1
  return counts
}
