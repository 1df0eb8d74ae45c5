import { likenessSize, type Vectors } from './likeness.ts'

/** How a list is kept from being twenty times the same. */
export interface DiversityRule {
  readonly kind: 'off' | 'mmr' | 'dpp'
  /** From 0, relevance alone, to 1, variety alone. */
  readonly weight: number
}

/**
 * How much each candidate would add to what is taken already. That only ever gets less, so `gains`
 * may be out of date and still be bounds from above: the greatest need only be refreshed until one
 * stays on top (lazy greedy: Minoux, 1978), which spares most comparisons.
 */
export interface Objective {
  /** One bound a candidate. */
  readonly gains: Float64Array
  /** Brings `gains[at]` up to date. */
  refresh(at: number): void
  /** Tells the objective that `at` is taken. */
  take(at: number): void
}

/** The objective of `rule` over candidates with `relevance` from 0 to 1 and their likeness vectors. */
export function objectiveOf(
  rule: DiversityRule,
  relevance: Float64Array,
  vectors: () => Vectors,
  most: number,
): Objective {
  if (rule.kind === 'off' || rule.weight === 0)
    return { gains: relevance, refresh: () => {}, take: () => {} }
  return rule.kind === 'mmr'
    ? new MaximalMarginalRelevance(rule.weight, relevance, vectors())
    : new DeterminantalPoints(rule.weight, { relevance, vectors: vectors(), most })
}

/**
 * MMR (Carbonell and Goldstein, 1998): (1 - w) relevance - w greatest likeness to what is taken.
 */
class MaximalMarginalRelevance implements Objective {
  readonly gains: Float64Array
  readonly #weight: number
  readonly #relevance: Float64Array
  readonly #vectors: Vectors
  readonly #nearest: Float64Array
  readonly #taken: number[] = []
  /** How many of `#taken` each candidate was compared with. */
  readonly #compared: Uint16Array

  constructor(weight: number, relevance: Float64Array, vectors: Vectors) {
    this.#weight = weight
    this.#relevance = relevance
    this.#vectors = vectors
    this.#nearest = new Float64Array(relevance.length)
    this.#compared = new Uint16Array(relevance.length)
    this.gains = scaled(relevance, 1 - weight)
  }

  refresh(at: number): void {
    const weight = this.#weight
    let nearest = this.#nearest[at] as number
    for (let k = this.#compared[at] as number; k < this.#taken.length; k++)
      nearest = Math.max(nearest, dot(this.#vectors, this.#taken[k] as number, at))
    this.#compared[at] = this.#taken.length
    this.#nearest[at] = nearest
    this.gains[at] = (1 - weight) * (this.#relevance[at] as number) - weight * nearest
  }

  take(at: number): void {
    this.#taken.push(at)
  }
}

/** Share of likeness in the kernel; the rest is the unit matrix, so that equals can still be told apart. */
const kernelShare = 0.9
/** Below this a determinant is 0 to machine precision. */
const marginMin = 1e-9

/**
 * Room for one list's factor; reused, because nothing is awaited while a list is made, and no number
 * of it is read that the same list has not written.
 */
let factorRoom = new Float64Array(0)

/**
 * Greedy MAP of a determinantal point process (Chen, Zhang and Zhou, 2018): the logarithm of
 * det(S) of what is taken, plus relevance times (1 - w) / w.
 */
class DeterminantalPoints implements Objective {
  readonly gains: Float64Array
  readonly #vectors: Vectors
  readonly #pull: Float64Array
  /** What of each candidate is not yet spanned: d^2. */
  readonly #margins: Float64Array
  readonly #most: number
  /** Rows of the Cholesky factor: column k of candidate c at c * most + k. */
  readonly #factor: Float64Array
  readonly #taken: number[] = []
  readonly #compared: Uint16Array

  constructor(
    weight: number,
    over: {
      readonly relevance: Float64Array
      readonly vectors: Vectors
      readonly most: number
    },
  ) {
    const count = over.relevance.length
    this.#vectors = over.vectors
    this.#most = over.most
    this.#pull = scaled(over.relevance, (1 - weight) / weight)
    this.#margins = new Float64Array(count).fill(1)
    if (factorRoom.length < count * over.most) factorRoom = new Float64Array(count * over.most)
    this.#factor = factorRoom
    this.#compared = new Uint16Array(count)
    this.gains = this.#pull.slice()
  }

  refresh(at: number): void {
    const factor = this.#factor
    const own = at * this.#most
    let margin = this.#margins[at] as number
    for (let k = this.#compared[at] as number; k < this.#taken.length; k++) {
      const past = this.#taken[k] as number
      const other = past * this.#most
      let left = kernelShare * dot(this.#vectors, past, at)
      for (let m = 0; m < k; m++)
        left -= (factor[other + m] as number) * (factor[own + m] as number)
      const part = left / (factor[other + k] as number)
      factor[own + k] = part
      margin -= part * part
    }
    this.#compared[at] = this.#taken.length
    this.#margins[at] = margin
    this.gains[at] = (this.#pull[at] as number) + Math.log(Math.max(margin, marginMin))
  }

  take(at: number): void {
    this.refresh(at)
    const k = this.#taken.length
    this.#factor[at * this.#most + k] = Math.sqrt(Math.max(this.#margins[at] as number, marginMin))
    this.#taken.push(at)
  }
}

function scaled(values: Float64Array, by: number): Float64Array {
  const out = new Float64Array(values.length)
  for (let at = 0; at < values.length; at++) out[at] = by * (values[at] as number)
  return out
}

function dot({ numbers, starts }: Vectors, a: number, b: number): number {
  let sum = 0
  let x = starts[a] as number
  let y = starts[b] as number
  for (const end = x + likenessSize; x < end; x += 4, y += 4)
    sum +=
      (numbers[x] as number) * (numbers[y] as number) +
      (numbers[x + 1] as number) * (numbers[y + 1] as number) +
      (numbers[x + 2] as number) * (numbers[y + 2] as number) +
      (numbers[x + 3] as number) * (numbers[y + 3] as number)
  return sum
}
