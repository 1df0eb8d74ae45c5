import type { Item } from '../catalogue.ts'
import { pieceSizeMax } from '../saved-pieces.ts'
import type { WeightedItems } from './profile.ts'
import type { Scores } from './scores.ts'

/** Saved form: the terms of each item, by number. */
export interface ContentState {
  readonly start: Uint32Array
  readonly terms: Uint32Array
}

/** Terms kept an item. */
export const termsPerItemMax = 64
/** Different terms held; further ones are left out. */
export const contentTermsMax = 1_000_000
/** Terms of a user's profile that are looked up. */
const profileTermsMax = 48
/** Items looked at for one term; of more common ones the newest. */
const postingsReadMax = 5000

/** Terms fainter than this share of the strongest say nothing: a word that nearly all items have. */
const audibleShare = 1e-3

const k1 = 1.2
const b = 0.75

/**
 * Items by what is said of them: categories, tags, and the words of the title. A user's profile is the
 * terms of the latest items; items are scored by BM25 (Robertson and Zaragoza, 2009) with each term
 * counted once. It is the one channel that knows an item before anybody touched it. O(terms) a
 * change, O(profile terms x items a term) a question.
 */
export class ContentIndex {
  readonly #terms = new Map<string, number>()
  /** Text of each term, and the items that have it; a term nobody has is free for another text. */
  readonly #texts: string[] = []
  readonly #postings: number[][] = []
  readonly #free: number[] = []
  readonly #termsMax: number
  readonly #ofItem: (readonly number[] | undefined)[] = []
  /** Terms of each item: all a score needs to know of it. */
  #lengths = new Uint8Array(64)
  #items = 0
  #length = 0
  #termsRefused = 0

  /** `termsMax`: different terms held. */
  constructor(state?: ContentState, termsMax: number = contentTermsMax) {
    this.#termsMax = termsMax
    if (!state) return
    for (let item = 0; item + 1 < state.start.length; item++) {
      const terms = state.terms.subarray(state.start[item], state.start[item + 1])
      if (terms.length > 0) this.#set(item, Array.from(terms))
    }
  }

  /** Items with at least one term. */
  get items(): number {
    return this.#items
  }

  /** Different terms held. */
  get terms(): number {
    return this.#terms.size
  }

  /** Terms that found no room. */
  get termsRefused(): number {
    return this.#termsRefused
  }

  /** Describes an item, new or known. */
  put(number: number, item: Item): void {
    const terms = new Set<number>()
    for (const text of termsOf(item)) {
      if (terms.size >= termsPerItemMax) break
      const term = this.#terms.get(text) ?? this.#newTerm(text)
      if (term !== undefined) terms.add(term)
    }
    const before = this.#ofItem[number] ?? []
    this.#set(number, [...terms])
    this.#letGo(before)
  }

  /** Adds the items that are like those of `history`. */
  score(history: WeightedItems, out: Scores): void {
    const profile = new Map<number, number>()
    for (let at = 0; at < history.items.length; at++) {
      const terms = this.#ofItem[history.items[at] as number]
      const weight = history.weights[at] as number
      for (const term of terms ?? []) profile.set(term, (profile.get(term) ?? 0) + weight)
    }
    const heard = [...profile]
      .map(([term, weight]) => [term, weight * this.#rarity(term)] as const)
      .sort((one, other) => other[1] - one[1] || one[0] - other[0])
      .slice(0, profileTermsMax)
    const faintest = (heard[0]?.[1] ?? 0) * audibleShare
    const shares = this.#shares()
    const lengths = this.#lengths
    for (const [term, weight] of heard) {
      if (weight < faintest) break
      const items = this.#postings[term] ?? []
      for (let at = Math.max(0, items.length - postingsReadMax); at < items.length; at++) {
        const item = items[at] as number
        out.add(item, weight * (shares[lengths[item] as number] as number))
      }
    }
  }

  /** What two items have in common: the sum of the rarities of their common terms. */
  between(from: number, to: number): number {
    const others = this.#ofItem[to] ?? []
    let sum = 0
    for (const term of this.#ofItem[from] ?? [])
      if (others.includes(term)) sum += this.#rarity(term)
    return sum
  }

  /**
   * The terms of all items, in memory that threads share. Stops after about `pieceSizeMax` values;
   * nothing may be put until it is done. O(terms of all items).
   */
  *copy(): Generator<undefined, ContentState> {
    const start = new Uint32Array(new SharedArrayBuffer(4 * (this.#ofItem.length + 1)))
    const terms = new Uint32Array(new SharedArrayBuffer(4 * this.#length))
    let at = 0
    let size = 0
    for (let item = 0; item + 1 < start.length; item++) {
      const own = this.#ofItem[item] ?? []
      terms.set(own, at)
      start[item + 1] = at += own.length
      size += 1 + own.length
      if (size < pieceSizeMax) continue
      size = 0
      yield
    }
    return { start, terms }
  }

  #newTerm(text: string): number | undefined {
    if (this.#terms.size >= this.#termsMax) {
      this.#termsRefused++
      return undefined
    }
    const term = this.#free.pop() ?? this.#texts.length
    this.#texts[term] = text
    this.#terms.set(text, term)
    return term
  }

  /** Lets go of the terms that no item has any more. */
  #letGo(terms: readonly number[]): void {
    for (const term of terms) {
      const text = this.#texts[term]
      if (text === undefined || this.#terms.get(text) !== term) continue
      if ((this.#postings[term]?.length ?? 0) > 0) continue
      this.#terms.delete(text)
      this.#free.push(term)
    }
  }

  #set(item: number, terms: readonly number[]): void {
    const before = this.#ofItem[item]
    if (before) {
      this.#items--
      this.#length -= before.length
      for (const term of before) {
        const items = this.#postings[term] as number[]
        items.splice(items.indexOf(item), 1)
      }
    }
    this.#ofItem[item] = terms.length === 0 ? undefined : terms
    if (item >= this.#lengths.length) {
      const lengths = new Uint8Array(2 * item)
      lengths.set(this.#lengths)
      this.#lengths = lengths
    }
    this.#lengths[item] = terms.length
    if (terms.length === 0) return
    this.#items++
    this.#length += terms.length
    for (const term of terms) (this.#postings[term] ??= []).push(item)
  }

  /** Inverse document frequency, never below 0. */
  #rarity(term: number): number {
    const count = this.#postings[term]?.length ?? 0
    return Math.log1p((this.#items - count + 0.5) / (count + 0.5))
  }

  /** What a term says of an item, by how many the item has: the more, the less. */
  #shares(): Float64Array {
    const mean = this.#length / Math.max(1, this.#items)
    return Float64Array.from(
      { length: termsPerItemMax + 1 },
      (_, length) => (k1 + 1) / (1 + k1 * (1 - b + (b * length) / mean)),
    )
  }
}

/** Words of two letters and more; of scripts without spaces, pairs of characters. */
function* termsOf(item: Item): Generator<string> {
  for (const category of item.categories) yield `c ${category.toLowerCase()}`
  for (const tag of item.tags) yield `t ${tag.toLowerCase()}`
  if (item.undescribed) return
  for (const word of item.title.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    if (!/\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}/u.test(word)) {
      if (word.length > 1) yield `w ${word}`
      continue
    }
    const characters = Array.from(word)
    if (characters.length === 1) yield `w ${word}`
    for (let at = 0; at + 1 < characters.length; at++)
      yield `w ${characters[at]}${characters[at + 1]}`
  }
}
