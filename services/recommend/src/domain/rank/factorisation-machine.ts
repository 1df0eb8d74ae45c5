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
export function readRow(
  rows: FeatureRows,
  at: number,
  buckets: number,
  out: SparseRow,
  columns: { readonly numbers: Uint8Array; readonly tokens: Uint8Array } = allColumns,
): void {
  const { places, values } = out
  const numbers = featureNames.length
  let count = 0
  for (let c = 0, from = at * numbers; c < columns.numbers.length; c++) {
    const k = columns.numbers[c] as number
    const value = (rows.numbers[from + k] as number) * numberScale
    if (value === 0 || !Number.isFinite(value)) continue
    places[count] = k
    values[count++] = value > valueMax ? valueMax : value < -valueMax ? -valueMax : value
  }
  for (let c = 0, from = at * tokenNames.length; c < columns.tokens.length; c++) {
    const k = columns.tokens[c] as number
    const token = rows.tokens[from + k] as number
    if (token === 0) continue
    places[count] = numbers + (token % buckets)
    values[count++] = 1
  }
  out.count = count
}

/** Rows side by side as places and values; what all rows have in common is there once. */
export interface RowBatch {
  readonly shared: SparseRow
  rows: number
  /** Row r has `places[starts[r]..starts[r + 1])` beside what is shared. */
  starts: Uint32Array
  places: Uint32Array
  values: Float64Array
}

/** A batch without rows; it grows to the largest it is used for. */
export function emptyBatch(): RowBatch {
  return {
    shared: emptyRow(),
    rows: 0,
    starts: new Uint32Array(1),
    places: new Uint32Array(0),
    values: new Float64Array(0),
  }
}

const oneRow = emptyRow()

/**
 * All of `rows` as `readRow` reads them, with the columns that are the same in every row (of the user
 * and the moment, in one request) taken out. O(rows x features).
 */
export function readBatch(rows: FeatureRows, buckets: number, out: RowBatch): void {
  const count = rows.rows
  out.rows = count
  out.shared.count = 0
  if (count === 0) return
  if (out.starts.length <= count) {
    out.starts = new Uint32Array(count + 1)
    out.places = new Uint32Array(count * rowFeatures)
    out.values = new Float64Array(count * rowFeatures)
  }
  const numbers = ownColumns(rows.numbers, featureNames.length, count)
  const tokens = ownColumns(rows.tokens, tokenNames.length, count)
  readRow(rows, 0, buckets, oneRow, { numbers: numbers.shared, tokens: tokens.shared })
  out.shared.places.set(oneRow.places.subarray(0, oneRow.count))
  out.shared.values.set(oneRow.values.subarray(0, oneRow.count))
  out.shared.count = oneRow.count
  const own = { numbers: numbers.own, tokens: tokens.own }
  let at = 0
  for (let row = 0; row < count; row++) {
    readRow(rows, row, buckets, oneRow, own)
    for (let k = 0; k < oneRow.count; k++, at++) {
      out.places[at] = oneRow.places[k] as number
      out.values[at] = oneRow.values[k] as number
    }
    out.starts[row + 1] = at
  }
}

interface Columns {
  readonly own: Uint8Array
  readonly shared: Uint8Array
}

/** Which of `width` columns are the same in all `count` rows. What is no number is never the same. */
function ownColumns(values: ArrayLike<number>, width: number, count: number): Columns {
  const own: number[] = []
  const shared: number[] = []
  for (let column = 0; column < width; column++) {
    const first = values[column] as number
    let row = 0
    while (row < count && values[row * width + column] === first) row++
    ;(row === count ? shared : own).push(column)
  }
  return { own: Uint8Array.from(own), shared: Uint8Array.from(shared) }
}

const allColumns = {
  numbers: Uint8Array.from(featureNames, (_, at) => at),
  tokens: Uint8Array.from(tokenNames, (_, at) => at),
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
    const { linear, squares } = this.#sumsOf(row)
    const sums = this.#sums
    let pairs = -squares
    for (let f = 0; f < factors; f++) pairs += (sums[f] as number) * (sums[f] as number)
    return bounded(linear + pairs / 2)
  }

  /**
   * Log-odds of each row of `batch` into `out`: the same sums as `odds`, those over what all rows
   * share made once. O(shared + own features) x factors; the factors are written out, which is what
   * keeps the sums in registers.
   */
  oddsOf(batch: RowBatch, out: Float64Array): void {
    const weights = this.#weights
    const vectors = this.#vectors
    const common = this.#sumsOf(batch.shared)
    const sums = this.#sums
    const { places, values, starts } = batch
    for (let row = 0; row < batch.rows; row++) {
      let { linear, squares } = common
      let s0 = sums[0] as number
      let s1 = sums[1] as number
      let s2 = sums[2] as number
      let s3 = sums[3] as number
      let s4 = sums[4] as number
      let s5 = sums[5] as number
      let s6 = sums[6] as number
      let s7 = sums[7] as number
      const end = starts[row + 1] as number
      for (let at = starts[row] as number; at < end; at++) {
        const place = places[at] as number
        const value = values[at] as number
        const v = place * factors
        linear += (weights[place] as number) * value
        const p0 = (vectors[v] as number) * value
        const p1 = (vectors[v + 1] as number) * value
        const p2 = (vectors[v + 2] as number) * value
        const p3 = (vectors[v + 3] as number) * value
        const p4 = (vectors[v + 4] as number) * value
        const p5 = (vectors[v + 5] as number) * value
        const p6 = (vectors[v + 6] as number) * value
        const p7 = (vectors[v + 7] as number) * value
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

  /** Sums over one row: the linear part, the squares, and the sums of factors in `#sums`. */
  #sumsOf(row: SparseRow): { readonly linear: number; readonly squares: number } {
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
    return { linear, squares }
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
