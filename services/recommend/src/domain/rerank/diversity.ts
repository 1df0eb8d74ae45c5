import { likenessSize } from './likeness.ts'

/** How a list is kept from being twenty times the same. */
export interface DiversityRule {
  readonly kind: 'off' | 'mmr' | 'dpp'
  /** From 0, relevance alone, to 1, variety alone. */
  readonly weight: number
}

/** Picks greedily: `gains` says how much each candidate would add to what is taken already. */
export interface Objective {
  /** One number a candidate; the greatest among those still free is the next pick. */
  readonly gains: Float64Array
  /** Tells the objective that `at` is taken; brings `gains` up to date. O(candidates). */
  take(at: number): void
}

/** The objective of `rule` over candidates with `relevance` from 0 to 1 and their likeness vectors. */
export function objectiveOf(
  rule: DiversityRule,
  relevance: Float64Array,
  vectors: () => Float32Array,
): Objective {
  if (rule.kind === 'off' || rule.weight === 0) return { gains: relevance, take: () => {} }
  return rule.kind === 'mmr'
    ? new MaximalMarginalRelevance(rule.weight, relevance, vectors())
    : new DeterminantalPoints(rule.weight, relevance, vectors())
}

/**
 * MMR (Carbonell and Goldstein, 1998): (1 - w) relevance - w greatest likeness to what is taken.
 */
class MaximalMarginalRelevance implements Objective {
  readonly gains: Float64Array
  readonly #weight: number
  readonly #relevance: Float64Array
  readonly #vectors: Float32Array
  readonly #nearest: Float64Array

  constructor(weight: number, relevance: Float64Array, vectors: Float32Array) {
    this.#weight = weight
    this.#relevance = relevance
    this.#vectors = vectors
    this.#nearest = new Float64Array(relevance.length)
    this.gains = relevance.map((value) => (1 - weight) * value)
  }

  take(at: number): void {
    const { gains } = this
    const weight = this.#weight
    for (let other = 0; other < gains.length; other++) {
      const likeness = dot(this.#vectors, at, other)
      if (likeness <= (this.#nearest[other] as number)) continue
      this.#nearest[other] = likeness
      gains[other] = (1 - weight) * (this.#relevance[other] as number) - weight * likeness
    }
  }
}

/** Share of likeness in the kernel; the rest is the unit matrix, so that equals can still be told apart. */
const kernelShare = 0.9
/** Below this a determinant is 0 to machine precision. */
const marginMin = 1e-9

/**
 * Greedy MAP of a determinantal point process (Chen, Zhang and Zhou, 2018): the logarithm of
 * det(S) of what is taken, plus relevance times (1 - w) / w. O(taken) more a candidate and pick.
 */
class DeterminantalPoints implements Objective {
  readonly gains: Float64Array
  readonly #vectors: Float32Array
  readonly #pull: Float64Array
  /** What of each candidate is not yet spanned: d^2. */
  readonly #margins: Float64Array
  /** Rows of the Cholesky factor, one for each pick. */
  readonly #rows: Float64Array[] = []

  constructor(weight: number, relevance: Float64Array, vectors: Float32Array) {
    const pull = (1 - weight) / weight
    this.#vectors = vectors
    this.#pull = relevance.map((value) => pull * value)
    this.#margins = new Float64Array(relevance.length).fill(1)
    this.gains = this.#pull.slice()
  }

  take(at: number): void {
    const { gains } = this
    const margins = this.#margins
    const own = Math.sqrt(Math.max(margins[at] as number, marginMin))
    const row = new Float64Array(gains.length)
    for (let other = 0; other < gains.length; other++) {
      if (other === at) continue
      let left = kernelShare * dot(this.#vectors, at, other)
      for (const past of this.#rows) left -= (past[at] as number) * (past[other] as number)
      const part = left / own
      row[other] = part
      const margin = (margins[other] as number) - part * part
      margins[other] = margin
      gains[other] = (this.#pull[other] as number) + Math.log(Math.max(margin, marginMin))
    }
    row[at] = own
    this.#rows.push(row)
  }
}

function dot(vectors: Float32Array, a: number, b: number): number {
  let sum = 0
  let x = a * likenessSize
  let y = b * likenessSize
  for (const end = x + likenessSize; x < end; x += 4, y += 4)
    sum +=
      (vectors[x] as number) * (vectors[y] as number) +
      (vectors[x + 1] as number) * (vectors[y + 1] as number) +
      (vectors[x + 2] as number) * (vectors[y + 2] as number) +
      (vectors[x + 3] as number) * (vectors[y + 3] as number)
  return sum
}
