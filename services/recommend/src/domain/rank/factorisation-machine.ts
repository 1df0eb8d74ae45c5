import { featureNames } from '../features/feature-vector.ts'
import type { RowBatch } from './row-batch.ts'
import type { SparseRow } from './sparse-row.ts'

/** Numbers in the vector of a feature. */
export const factors = 8
/** Shape and pace of a factorisation machine. */
export interface MachineOptions {
  /** Places for tokens, best a prime. Tokens that meet in one share their weights. */
  readonly buckets: number
  readonly rate: number
  readonly decay: number
}

/** Shipped options. */
export const machineDefaults: MachineOptions = { buckets: 65_521, rate: 0.05, decay: 1e-5 }

/** The weights as plain data. */
export interface MachineState {
  readonly buckets: number
  readonly bias: Float64Array
  readonly weights: Float32Array
  readonly vectors: Float32Array
  readonly weightSquares: Float32Array
  readonly vectorSquares: Float32Array
}

/** Numbers side by side for each number of a batch: its vector, its weight, its vector's square. */
const nearWidth = factors + 2

/** Log-odds stay within this. */
export const oddsMax = 30
/** Steps of one update stay within this. */
const stepMax = 2

/**
 * A factorisation machine of order two (Rendle, 2010) for the chance of a yes, learning one row at
 * a time by AdaGrad (Duchi, Hazan and Singer, 2011). O(features x factors) a row.
 */
export class FactorisationMachine {
  readonly options: MachineOptions
  #tables: Tables | undefined
  readonly #sums = new Float64Array(factors)
  /** The vectors, squares and weights of the numbers a batch is about, close together. */
  readonly #near = new Float64Array(featureNames.length * nearWidth)

  constructor(options: MachineOptions = machineDefaults, saved?: MachineState) {
    this.options = options
    const size = featureNames.length + options.buckets
    const fits = saved?.weights.length === size && saved.vectors.length === size * factors
    if (fits) this.#tables = copyOf(saved)
  }

  /** Made when they are first needed: a shop where nothing is shown yet does not pay 4.7 MB. */
  get #own(): Tables {
    return (this.#tables ??= freshTables(featureNames.length + this.options.buckets))
  }

  /** Log-odds of a yes for the row. O(features x factors). */
  odds(row: SparseRow): number {
    const { linear, squares } = this.#sumsOf(row)
    const sums = this.#sums
    let pairs = -squares
    for (let f = 0; f < factors; f++) pairs += (sums[f] as number) * (sums[f] as number)
    return bounded(linear + pairs / 2)
  }

  /**
   * Log-odds of each row of `batch` into `out`: the same sums as `odds`, those over what all rows
   * share made once, and the squares of a number's vector once for all rows. O(shared + own features)
   * x factors; the factors are written out, which is what keeps the sums in registers.
   */
  oddsOf(batch: RowBatch, out: Float64Array): void {
    const { vectors, weights } = this.#own
    const common = this.#sumsOf(batch.shared)
    const sums = this.#sums
    const near = this.#near
    this.#bringNear(batch.numbers)
    const { places, values, tokens } = batch
    const end = batch.numbers.length * nearWidth
    for (let row = 0, at = 0, token = 0; row < batch.rows; row++) {
      let { linear, squares } = common
      let s0 = sums[0] as number
      let s1 = sums[1] as number
      let s2 = sums[2] as number
      let s3 = sums[3] as number
      let s4 = sums[4] as number
      let s5 = sums[5] as number
      let s6 = sums[6] as number
      let s7 = sums[7] as number
      for (let v = 0; v < end; v += nearWidth) {
        const value = values[at++] as number
        s0 += (near[v] as number) * value
        s1 += (near[v + 1] as number) * value
        s2 += (near[v + 2] as number) * value
        s3 += (near[v + 3] as number) * value
        s4 += (near[v + 4] as number) * value
        s5 += (near[v + 5] as number) * value
        s6 += (near[v + 6] as number) * value
        s7 += (near[v + 7] as number) * value
        linear += (near[v + 8] as number) * value
        squares += (near[v + 9] as number) * value * value
      }
      for (const last = token + tokens; token < last; token++) {
        const place = places[token] as number
        if (place < 0) continue
        const v = place * factors
        const p0 = vectors[v] as number
        const p1 = vectors[v + 1] as number
        const p2 = vectors[v + 2] as number
        const p3 = vectors[v + 3] as number
        const p4 = vectors[v + 4] as number
        const p5 = vectors[v + 5] as number
        const p6 = vectors[v + 6] as number
        const p7 = vectors[v + 7] as number
        linear += weights[place] as number
        squares += p0 * p0 + p1 * p1 + p2 * p2 + p3 * p3 + p4 * p4 + p5 * p5 + p6 * p6 + p7 * p7
        s0 += p0
        s1 += p1
        s2 += p2
        s3 += p3
        s4 += p4
        s5 += p5
        s6 += p6
        s7 += p7
      }
      const all = s0 * s0 + s1 * s1 + s2 * s2 + s3 * s3 + s4 * s4 + s5 * s5 + s6 * s6 + s7 * s7
      out[row] = bounded(linear + (all - squares) / 2)
    }
  }

  #bringNear(numbers: Uint8Array): void {
    const { vectors, weights } = this.#own
    const near = this.#near
    for (let c = 0, v = 0; c < numbers.length; c++, v += nearWidth) {
      const place = numbers[c] as number
      let squares = 0
      for (let f = 0, from = place * factors; f < factors; f++) {
        const own = vectors[from + f] as number
        near[v + f] = own
        squares += own * own
      }
      near[v + factors] = weights[place] as number
      near[v + factors + 1] = squares
    }
  }

  /** Sums over one row: the linear part, the squares, and the sums of factors in `#sums`. */
  #sumsOf(row: SparseRow): { readonly linear: number; readonly squares: number } {
    const sums = this.#sums
    const { bias, weights, vectors } = this.#own
    sums.fill(0)
    let linear = bias[0] as number
    let squares = 0
    for (let at = 0; at < row.count; at++) {
      const place = row.places[at] as number
      const value = row.values[at] as number
      linear += (weights[place] as number) * value
      for (let f = 0, from = place * factors; f < factors; f++) {
        const part = (vectors[from + f] as number) * value
        sums[f] = (sums[f] as number) + part
        squares += part * part
      }
    }
    return { linear, squares }
  }

  /** The chance of a yes before learning; then learns that the answer was `label`. */
  learn(row: SparseRow, label: 0 | 1, importance = 1): number {
    const chance = chanceOf(this.odds(row))
    const { rate, decay } = this.options
    const slope = (chance - label) * importance
    const sums = this.#sums
    const { bias, weights, vectors, weightSquares, vectorSquares } = this.#own
    bias[1] = (bias[1] as number) + slope * slope
    bias[0] = (bias[0] as number) - step(rate, slope, bias[1])
    for (let at = 0; at < row.count; at++) {
      const place = row.places[at] as number
      const value = row.values[at] as number
      const weight = weights[place] as number
      const down = slope * value + decay * weight
      const square = (weightSquares[place] as number) + down * down
      weightSquares[place] = square
      weights[place] = weight - step(rate, down, square)
      for (let f = 0, k = place * factors; f < factors; f++, k++) {
        const own = vectors[k] as number
        const fall = slope * value * ((sums[f] as number) - own * value) + decay * own
        const all = (vectorSquares[k] as number) + fall * fall
        vectorSquares[k] = all
        vectors[k] = own - step(rate, fall, all)
      }
    }
    return chance
  }

  /** The weights as plain data; shares memory with the machine until `structuredClone` or a save. */
  save(): MachineState {
    return { buckets: this.options.buckets, ...this.#own }
  }
}

type Tables = Omit<MachineState, 'buckets'>

function copyOf({ bias, weights, vectors, weightSquares, vectorSquares }: MachineState): Tables {
  return {
    bias: bias.slice(),
    weights: weights.slice(),
    vectors: vectors.slice(),
    weightSquares: weightSquares.slice(),
    vectorSquares: vectorSquares.slice(),
  }
}

function freshTables(size: number): Tables {
  return {
    bias: new Float64Array(2),
    weights: new Float32Array(size),
    vectors: firstVectors(size),
    weightSquares: new Float32Array(size),
    vectorSquares: new Float32Array(size * factors),
  }
}

function bounded(odds: number): number {
  return odds > oddsMax ? oddsMax : odds < -oddsMax ? -oddsMax : odds
}

/** Chance for log-odds. */
export function chanceOf(odds: number): number {
  return 1 / (1 + Math.exp(-odds))
}

function step(rate: number, slope: number, squares: number): number {
  const by = (rate * slope) / (Math.sqrt(squares) + 1e-6)
  return by > stepMax ? stepMax : by < -stepMax ? -stepMax : by
}

/** Small values that differ from place to place and are the same on every machine. */
function firstVectors(size: number): Float32Array {
  const out = new Float32Array(size * factors)
  for (let at = 0; at < out.length; at++) {
    let hash = Math.imul(at + 1, 0x9e3779b1)
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
    hash ^= hash >>> 13
    out[at] = ((hash >>> 0) / 4_294_967_296 - 0.5) * 0.02
  }
  return out
}
