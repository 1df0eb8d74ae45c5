import { featureNames, type FeatureRows } from '../features/feature-vector.ts'
import { tokenNames } from '../features/token.ts'
import { emptyRow, placeOf, readRow, scaledNumber, type SparseRow } from './sparse-row.ts'

/** Rows side by side; what all rows have in common is there once. */
export interface RowBatch {
  readonly shared: SparseRow
  rows: number
  /** The number columns that differ from row to row. */
  numbers: Uint8Array
  /** rows x `numbers.length`, scaled. */
  values: Float64Array
  /** Token columns that differ from row to row. */
  tokens: number
  /** rows x `tokens`: where each token's weights are; -1 where there is none. */
  places: Int32Array
}

/** A batch without rows; it grows to the largest it is used for. */
export function emptyBatch(): RowBatch {
  return {
    shared: emptyRow(),
    rows: 0,
    numbers: new Uint8Array(0),
    values: new Float64Array(0),
    tokens: 0,
    places: new Int32Array(0),
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
  const numbersSize = count * numbers.own.length
  if (out.values.length < numbersSize) out.values = new Float64Array(numbersSize)
  const tokensSize = count * tokens.own.length
  if (out.places.length < tokensSize) out.places = new Int32Array(tokensSize)
  const { values, places } = out
  for (let row = 0, at = 0, from = 0; row < count; row++, from += featureNames.length)
    for (let c = 0; c < numbers.own.length; c++)
      values[at++] = scaledNumber(rows.numbers[from + (numbers.own[c] as number)] as number)
  for (let row = 0, at = 0, from = 0; row < count; row++, from += tokenNames.length)
    for (let c = 0; c < tokens.own.length; c++) {
      const token = rows.tokens[from + (tokens.own[c] as number)] as number
      places[at++] = token === 0 ? -1 : placeOf(token, buckets)
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
