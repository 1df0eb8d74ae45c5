import { featureNames, tokenNames, type FeatureRows } from '../features/feature-vector.ts'

/** Numbers in the vector of a feature. */
export const factors = 8
/** Features of a row: each number, and each token that is there. */
export const rowFeatures: number = featureNames.length + tokenNames.length

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

/** One row as places and values; reused from call to call. */
export interface SparseRow {
  readonly places: Uint32Array
  readonly values: Float64Array
  count: number
}

/** A row with room for every feature. */
export function emptyRow(): SparseRow {
  return { places: new Uint32Array(rowFeatures), values: new Float64Array(rowFeatures), count: 0 }
}

/** Values beyond this say no more than this. */
export const valueMax = 4
/** Numbers of the vector are mostly logarithms up to about 12; weights like values near 1. */
export const numberScale = 0.25

/**
 * Row `at` of `rows` as places and values: number j has place j, a token a place behind the
 * numbers. What is not finite is left out, so that no row can spoil the weights. O(features).
 */
export function readRow(rows: FeatureRows, at: number, buckets: number, out: SparseRow): void {
  const { places, values } = out
  const numbers = featureNames.length
  let count = 0
  for (let k = 0, from = at * numbers; k < numbers; k++) {
    const value = (rows.numbers[from + k] as number) * numberScale
    if (value === 0 || !Number.isFinite(value)) continue
    places[count] = k
    values[count++] = value > valueMax ? valueMax : value < -valueMax ? -valueMax : value
  }
  for (let k = 0, from = at * tokenNames.length; k < tokenNames.length; k++) {
    const token = rows.tokens[from + k] as number
    if (token === 0) continue
    places[count] = numbers + (token % buckets)
    values[count++] = 1
  }
  out.count = count
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
  readonly #bias: Float64Array
  readonly #weights: Float32Array
  readonly #vectors: Float32Array
  readonly #weightSquares: Float32Array
  readonly #vectorSquares: Float32Array
  readonly #sums = new Float64Array(factors)

  constructor(options: MachineOptions = machineDefaults, saved?: MachineState) {
    this.options = options
    const size = featureNames.length + options.buckets
    const fits = saved?.weights.length === size && saved.vectors.length === size * factors
    this.#bias = fits ? saved.bias.slice() : new Float64Array(2)
    this.#weights = fits ? saved.weights.slice() : new Float32Array(size)
    this.#weightSquares = fits ? saved.weightSquares.slice() : new Float32Array(size)
    this.#vectors = fits ? saved.vectors.slice() : firstVectors(size)
    this.#vectorSquares = fits ? saved.vectorSquares.slice() : new Float32Array(size * factors)
  }

  /** Log-odds of a yes for the row. O(features x factors). */
  odds(row: SparseRow): number {
    const sums = this.#sums
    sums.fill(0)
    let linear = this.#bias[0] as number
    let squares = 0
    for (let at = 0; at < row.count; at++) {
      const place = row.places[at] as number
      const value = row.values[at] as number
      linear += (this.#weights[place] as number) * value
      for (let f = 0, from = place * factors; f < factors; f++) {
        const part = (this.#vectors[from + f] as number) * value
        sums[f] = (sums[f] as number) + part
        squares += part * part
      }
    }
    let pairs = -squares
    for (let f = 0; f < factors; f++) pairs += (sums[f] as number) * (sums[f] as number)
    const odds = linear + pairs / 2
    return odds > oddsMax ? oddsMax : odds < -oddsMax ? -oddsMax : odds
  }

  /** The chance of a yes before learning; then learns that the answer was `label`. */
  learn(row: SparseRow, label: 0 | 1, importance = 1): number {
    const chance = chanceOf(this.odds(row))
    const { rate, decay } = this.options
    const slope = (chance - label) * importance
    const sums = this.#sums
    const bias = this.#bias
    bias[1] = (bias[1] as number) + slope * slope
    bias[0] = (bias[0] as number) - step(rate, slope, bias[1])
    for (let at = 0; at < row.count; at++) {
      const place = row.places[at] as number
      const value = row.values[at] as number
      const weight = this.#weights[place] as number
      const down = slope * value + decay * weight
      const square = (this.#weightSquares[place] as number) + down * down
      this.#weightSquares[place] = square
      this.#weights[place] = weight - step(rate, down, square)
      for (let f = 0, k = place * factors; f < factors; f++, k++) {
        const own = this.#vectors[k] as number
        const fall = slope * value * ((sums[f] as number) - own * value) + decay * own
        const all = (this.#vectorSquares[k] as number) + fall * fall
        this.#vectorSquares[k] = all
        this.#vectors[k] = own - step(rate, fall, all)
      }
    }
    return chance
  }

  /** The weights as plain data; shares memory with the machine until `structuredClone` or a save. */
  save(): MachineState {
    return {
      buckets: this.options.buckets,
      bias: this.#bias,
      weights: this.#weights,
      vectors: this.#vectors,
      weightSquares: this.#weightSquares,
      vectorSquares: this.#vectorSquares,
    }
  }
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
