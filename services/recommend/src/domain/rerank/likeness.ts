import type { Catalogue, Item } from '../catalogue.ts'
import type { Covisitation } from '../recall/covisitation.ts'

/** Numbers in a likeness vector: one for each bit of a 32-bit hash. */
export const likenessSize = 32

/** Vectors kept; a full cache starts again, which costs one pass over the items in use. */
const vectorsMax = 100_000
/** Neighbours that say what an undescribed item is like. */
const neighboursMax = 40

/** The vectors of several items: that of the k-th begins at `starts[k]` of `numbers`. */
export interface Vectors {
  readonly numbers: Float32Array
  readonly starts: Uint32Array
}

/**
 * What items are like, as unit vectors: a signed random projection (Charikar, 2002) of categories
 * and tags, of the item's own vector where it has one, or, where nobody described it, of the items
 * that are seen with it. The cosine of two vectors estimates that of what they stand for, with a
 * standard error of 0.18. One object lives as long as one version of the models.
 */
export class Likeness {
  readonly #catalogue: Catalogue
  readonly #covisitation: Covisitation
  /** Where the vector of an item begins; -1 where none is kept. By item. */
  #starts = new Int32Array(0)
  /** The item each vector was made of: a changed item is another object. By place of the vector. */
  #of: Item[] = []
  /** The first vector stands for items nothing is known of. */
  #numbers = new Float32Array(64 * likenessSize)

  constructor(catalogue: Catalogue, covisitation: Covisitation) {
    this.#catalogue = catalogue
    this.#covisitation = covisitation
  }

  /** Vectors kept now. */
  get size(): number {
    return this.#of.length
  }

  /** The vectors of `items`, good until the next call; all zero for an item nothing is known of. */
  vectorsOf(items: ArrayLike<number>): Vectors {
    if (this.#of.length + items.length > vectorsMax) {
      this.#of = []
      this.#starts.fill(-1)
    }
    if (this.#starts.length < this.#catalogue.size) this.#growStarts()
    const starts = new Uint32Array(items.length)
    for (let at = 0; at < items.length; at++) starts[at] = this.#startOf(items[at] as number)
    return { numbers: this.#numbers, starts }
  }

  #startOf(number: number): number {
    const item = this.#catalogue.at(number)
    if (item === undefined) return 0
    const kept = this.#starts[number] as number
    if (kept >= 0 && this.#of[kept / likenessSize - 1] === item) return kept
    const start = kept >= 0 ? kept : likenessSize * (this.#of.length + 1)
    this.#of[start / likenessSize - 1] = item
    this.#starts[number] = start
    if (start >= this.#numbers.length) {
      const numbers = new Float32Array(2 * this.#numbers.length)
      numbers.set(this.#numbers)
      this.#numbers = numbers
    }
    this.#numbers.set(this.#make(number, item), start)
    return start
  }

  #growStarts(): void {
    const starts = new Int32Array(Math.ceil(1.5 * this.#catalogue.size)).fill(-1)
    starts.set(this.#starts)
    this.#starts = starts
  }

  #make(number: number, item: Item): Float32Array {
    const out = new Float32Array(likenessSize)
    if (item.vector) item.vector.forEach((value, at) => addSigns(out, hashOf(`v${at}`), value))
    else if (item.categories.length + item.tags.length > 0) {
      // The first category is the item's own; further ones and tags only colour it.
      item.categories.forEach((name, at) => addSigns(out, hashOf(`c${name}`), at === 0 ? 2 : 1))
      for (const tag of item.tags) addSigns(out, hashOf(`t${tag}`), 1)
    } else {
      let left = neighboursMax
      for (const [other, link] of this.#covisitation.row(number) ?? []) {
        if (left-- === 0) break
        addSigns(out, mixed(other + 1), link)
      }
      addSigns(out, mixed(number + 1), selfShare)
    }
    return unit(out)
  }
}

const nothing = new Float32Array(likenessSize)
/** Weight of the item itself among its neighbours: it is most like itself. */
const selfShare = 0.5

function addSigns(out: Float32Array, hash: number, weight: number): void {
  for (let at = 0; at < likenessSize; at++)
    out[at] = (out[at] as number) + ((hash >>> at) & 1 ? weight : -weight)
}

function unit(vector: Float32Array): Float32Array {
  let squares = 0
  for (const value of vector) squares += value * value
  if (!(squares > 0) || !Number.isFinite(squares)) return nothing
  const scale = 1 / Math.sqrt(squares)
  for (let at = 0; at < vector.length; at++) vector[at] = (vector[at] as number) * scale
  return vector
}

/** FNV-1a over the text, then mixed so that all 32 bits are fair coins. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return mixed(hash)
}

/** The finaliser of splitmix32. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97)
  return (hash ^ (hash >>> 15)) >>> 0
}
