import { featureNames, type FeatureRows } from '../features/feature-vector.ts'
import { tokenNames } from '../features/token.ts'
import { createKernel, type Kernel } from '../recall/kernel.ts'
import { emptyRow, placeOf, readRow, scaledNumber, type SparseRow } from './sparse-row.ts'

/** Sums of a row over its own numbers: one for each factor, the linear one, that of squares; two spare. */
export const sumsWidth = 12
/** Where the linear sum stands. */
export const linearAt = 8
/** Where the sum of squares stands. */
export const squaresAt = 9

/** Rows side by side; what all rows have in common is there once. */
export interface RowBatch {
  readonly shared: SparseRow
  rows: number
  /** The number columns that differ from row to row. */
  numbers: Uint8Array
  /** Token columns that differ from row to row. */
  tokens: number
  /** rows x `tokens`: where each token's weights are; -1 where there is none. */
  places: Int32Array
  /** Holds the numbers, their squares, what they are multiplied by, and rows x `sumsWidth` sums. */
  kernel: Kernel | undefined
  /** Places in the kernel's memory, in doubles. */
  squares: number
  weights: number
  sums: number
}

/** A batch without rows; it grows to the largest it is used for. */
export function emptyBatch(): RowBatch {
  return {
    shared: emptyRow(),
    rows: 0,
    numbers: new Uint8Array(0),
    tokens: 0,
    places: new Int32Array(0),
    kernel: undefined,
    squares: 0,
    weights: 0,
    sums: 0,
  }
}

/**
 * All of `rows` as `readRow` reads them, with the columns that are the same in every row (of the user
 * and the moment, in one request) taken out. O(rows x features).
 */
export function readBatch(rows: FeatureRows, buckets: number, out: RowBatch): void {
  const count = rows.rows
  out.rows = count
  out.shared.count = 0
  if (count === 0) return
  const numbers = ownColumns(rows.numbers, featureNames.length, count)
  const tokens = ownColumns(rows.tokens, tokenNames.length, count)
  readRow(rows, 0, buckets, out.shared, { numbers: numbers.shared, tokens: tokens.shared })
  out.numbers = numbers.own
  out.tokens = tokens.own.length
  packNumbers(rows, out)
  const size = count * tokens.own.length
  if (out.places.length < size) out.places = new Int32Array(size)
  const { places } = out
  for (let row = 0, at = 0, from = 0; row < count; row++, from += tokenNames.length)
    for (let c = 0; c < tokens.own.length; c++) {
      const token = rows.tokens[from + (tokens.own[c] as number)] as number
      places[at++] = token === 0 ? -1 : placeOf(token, buckets)
    }
}

/** Numbers and squares as the kernel wants them: four rows a panel, signs turned. */
function packNumbers({ rows, numbers }: FeatureRows, out: RowBatch): void {
  const width = out.numbers.length
  const panels = Math.ceil(rows / 4)
  out.squares = panels * 4 * width
  out.weights = 2 * out.squares
  out.sums = out.weights + 4 * 4 * width
  const size = out.sums + panels * 4 * sumsWidth
  if (out.kernel === undefined || out.kernel.doubles.length < size) out.kernel = createKernel(size)
  const { doubles } = out.kernel
  for (let row = 0, from = 0; row < rows; row++, from += featureNames.length) {
    let at = (row >> 2) * 4 * width + (row & 3)
    for (let c = 0; c < width; c++, at += 4) {
      const value = scaledNumber(numbers[from + (out.numbers[c] as number)] as number)
      doubles[at] = -value
      doubles[out.squares + at] = -value * value
    }
  }
  for (let row = rows; row < panels * 4; row++) {
    let at = (row >> 2) * 4 * width + (row & 3)
    for (let c = 0; c < width; c++, at += 4) doubles[at] = doubles[out.squares + at] = 0
  }
}

/**
 * Adds to each row's sums its numbers times `weights`: a factor each, the linear weight and, for the
 * squares, the square of the vector; in that order for each number, and laid out as the kernel wants
 * them, four columns a panel.
 */
export function sumNumbers(batch: RowBatch): void {
  const { kernel, rows, squares, weights, sums } = batch
  const depth = batch.numbers.length
  if (kernel === undefined || depth === 0) return
  const panel = 4 * depth
  for (let row = 0; row < rows; row += 4) {
    const from = row * depth
    const into = 8 * (sums + row * sumsWidth)
    kernel.update(8 * from, 8 * weights, into, 3, depth, 8 * sumsWidth)
    const last = 8 * (weights + 3 * panel)
    kernel.update(8 * (squares + from), last, into + 64, 1, depth, 8 * sumsWidth)
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
