import { featureNames, type FeatureRows } from '../features/feature-vector.ts'
import { tokenNames } from '../features/token.ts'

/** Features of a row: each number, and each token that is there. */
export const rowFeatures: number = featureNames.length + tokenNames.length

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

/** Which columns of a row are read. */
export interface RowColumns {
  readonly numbers: Uint8Array
  readonly tokens: Uint8Array
}

/**
 * Row `at` of `rows` as places and values: number j has place j, a token a place behind the
 * numbers. What is not finite is left out, so that no row can spoil the weights. O(features).
 */
export function readRow(
  rows: FeatureRows,
  at: number,
  buckets: number,
  out: SparseRow,
  columns: RowColumns = allColumns,
): void {
  const { places, values } = out
  const numbers = featureNames.length
  let count = 0
  for (let c = 0, from = at * numbers; c < columns.numbers.length; c++) {
    const k = columns.numbers[c] as number
    const value = scaledNumber(rows.numbers[from + k] as number)
    if (value === 0) continue
    places[count] = k
    values[count++] = value
  }
  for (let c = 0, from = at * tokenNames.length; c < columns.tokens.length; c++) {
    const k = columns.tokens[c] as number
    const token = rows.tokens[from + k] as number
    if (token === 0) continue
    places[count] = placeOf(token, buckets)
    values[count++] = 1
  }
  out.count = count
}

const allColumns = {
  numbers: Uint8Array.from(featureNames, (_, at) => at),
  tokens: Uint8Array.from(tokenNames, (_, at) => at),
}

/** A number of a vector as a machine takes it: 0 for what is not finite. */
export function scaledNumber(number: number): number {
  const value = number * numberScale
  if (value > valueMax) return value === Infinity ? 0 : valueMax
  if (value < -valueMax) return value === -Infinity ? 0 : -valueMax
  return value === value ? value : 0
}

/** Where a token's weights are: behind those of the numbers. */
export function placeOf(token: number, buckets: number): number {
  return featureNames.length + (token % buckets)
}
