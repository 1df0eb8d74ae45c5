import type { Catalogue, Item } from '../catalogue.ts'
import type { Covisitation } from '../recall/covisitation.ts'

/** Numbers in a likeness vector: one for each bit of a 32-bit hash. */
export const likenessSize = 32

/** Vectors kept; a full cache starts again, which costs one pass over the items in use. */
const vectorsMax = 100_000
/** Neighbours that say what an undescribed item is like. */
const neighboursMax = 40

interface Kept {
  readonly item: Item
  readonly vector: Float32Array
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
  readonly #kept = new Map<number, Kept>()

  constructor(catalogue: Catalogue, covisitation: Covisitation) {
    this.#catalogue = catalogue
    this.#covisitation = covisitation
  }

  /** Vectors kept now. */
  get size(): number {
    return this.#kept.size
  }

  /** The vectors of `items`, one behind the other; all zero for an item nothing is known of. */
  matrix(items: ArrayLike<number>): Float32Array {
    const out = new Float32Array(items.length * likenessSize)
    for (let at = 0; at < items.length; at++)
      out.set(this.#vector(items[at] as number), at * likenessSize)
    return out
  }

  #vector(number: number): Float32Array {
    const item = this.#catalogue.at(number)
    if (item === undefined) return nothing
    const kept = this.#kept.get(number)
    // A changed item is another object, so its old vector is never taken for it.
    if (kept?.item === item) return kept.vector
    if (this.#kept.size >= vectorsMax) this.#kept.clear()
    const vector = this.#make(number, item)
    this.#kept.set(number, { item, vector })
    return vector
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
