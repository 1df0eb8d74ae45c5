import { featureNames } from '../features/feature-vector.ts'
import { linearAt, squaresAt, sumNumbers, sumsWidth, type RowBatch } from './row-batch.ts'
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
   * share made once, and those over numbers by the SIMD kernel. O(shared + own features) x factors;
   * the factors are written out, which is what keeps the sums in registers.
   */
  oddsOf(batch: RowBatch, out: Float64Array): void {
    if (batch.kernel === undefined) return
    this.#layOut(batch, batch.kernel.doubles)
    sumNumbers(batch)
    const { vectors, weights } = this.#own
    const { places, tokens, rows } = batch
    const { doubles } = batch.kernel
    for (let row = 0, token = 0, c = batch.sums; row < rows; row++, c += sumsWidth) {
      let s0 = doubles[c] as number
      let s1 = doubles[c + 1] as number
      let s2 = doubles[c + 2] as number
      let s3 = doubles[c + 3] as number
      let s4 = doubles[c + 4] as number
      let s5 = doubles[c + 5] as number
      let s6 = doubles[c + 6] as number
      let s7 = doubles[c + 7] as number
      let linear = doubles[c + linearAt] as number
      let squares = doubles[c + squaresAt] as number
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

  /** Puts the weights of the batch's numbers, and the sums all rows begin with, where the kernel looks. */
  #layOut(batch: RowBatch, doubles: Float64Array): void {
    const { vectors, weights } = this.#own
    const { numbers } = batch
    const panel = 4 * numbers.length
    doubles.fill(0, batch.weights + 2 * panel, batch.weights + 4 * panel)
    for (let c = 0; c < numbers.length; c++) {
      const place = numbers[c] as number
      const at = batch.weights + 4 * c
      let squares = 0
      for (let f = 0; f < factors; f++) {
        const own = vectors[place * factors + f] as number
        doubles[at + (f >> 2) * panel + (f & 3)] = own
        squares += own * own
      }
      doubles[at + 2 * panel] = weights[place] as number
      doubles[at + 3 * panel + squaresAt - linearAt] = squares
    }
    const { linear, squares } = this.#sumsOf(batch.shared)
    const end = batch.sums + batch.rows * sumsWidth
    const sums = this.#sums
    for (let c = batch.sums; c < end; c += sumsWidth) {
      for (let f = 0; f < factors; f++) doubles[c + f] = sums[f] as number
      doubles[c + linearAt] = linear
      doubles[c + squaresAt] = squares
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
