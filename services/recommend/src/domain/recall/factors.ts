import type { ItemSets } from './interactions.ts'
import { usersByItem } from './interactions.ts'
import type { WeightedItems } from './profile.ts'
import type { Scores } from './scores.ts'

/** Shape of the factorisation. */
export interface FactorOptions {
  readonly factors: number
  readonly rounds: number
  /** Weight of what was not chosen, against 1 for what was. */
  readonly unseen: number
  readonly lambda: number
}

/** Shipped shape. */
export const factorDefaults: FactorOptions = { factors: 32, rounds: 5, unseen: 0.1, lambda: 0.01 }

/** Items as vectors. A user's vector is worked out from the history when it is asked for. */
export interface FactorModel {
  readonly factors: number
  /** Row-major items x factors. */
  readonly items: Float32Array
  /** unseen * Y'Y, lower triangle row by row. */
  readonly gram: Float64Array
  readonly options: FactorOptions
}

/** Items scanned for a list; above it only those with the lowest numbers, the oldest. */
const scannedMax = 20_000
/** Candidates the channel names. */
const namedMax = 500

/**
 * Matrix factorisation for implicit feedback by alternating least squares (Hu et al., ICDM 2008; with
 * the weighting of Rendle et al., "Revisiting the Performance of iALS", RecSys 2022: what was not
 * chosen weighs `unseen`, regularisation grows with the row). Deterministic.
 * O(rounds x (events x factors^2 + (users + items) x factors^3)).
 */
export function trainFactors(sets: ItemSets, options: FactorOptions): FactorModel {
  const { factors } = options
  const users = sets.start.length - 1
  const transposed = usersByItem(sets)
  const items = new Float32Array(sets.itemCount * factors)
  for (let at = 0; at < items.length; at++) items[at] = 0.1 * noise(at)
  const people = new Float32Array(users * factors)
  const solver = new RowSolver(options)
  for (let round = 0; round < options.rounds; round++) {
    solver.solveAll(people, users, { start: sets.start, columns: sets.items, of: items })
    solver.solveAll(items, sets.itemCount, {
      start: transposed.start,
      columns: transposed.users,
      of: people,
    })
  }
  return { factors, items, gram: solver.gramOf(items), options }
}

/** A fixed pseudo-random number in [-1, 1) for each place. */
function noise(at: number): number {
  let hash = Math.imul(at + 1, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return ((hash ^ (hash >>> 13)) >>> 0) / 2_147_483_648 - 1
}

/** The vector of somebody with `history`: one step of the very training. O(history x factors^2). */
export function foldIn(model: FactorModel, history: WeightedItems): Float64Array {
  const solver = new RowSolver(model.options)
  solver.begin(model.gram)
  let rows = 0
  for (let at = 0; at < history.items.length; at++) {
    const item = history.items[at] as number
    if ((item + 1) * model.factors > model.items.length) continue
    solver.take(model.items, item, history.weights[at] as number)
    rows++
  }
  return solver.solve(rows, model.items.length / model.factors)
}

/** Adds the best `namedMax` items by their product with the user's vector. O(items x factors). */
export function scoreFactors(model: FactorModel, history: WeightedItems, out: Scores): void {
  const { factors, items } = model
  if (history.items.length === 0) return
  const vector = foldIn(model, history)
  const count = Math.min(items.length / factors, scannedMax)
  if (room.length < count) room = new Float32Array(count)
  for (let item = 0; item < count; item++) {
    let sum = 0
    const start = item * factors
    for (let k = 0; k < factors; k++) sum += (vector[k] as number) * (items[start + k] as number)
    room[item] = sum
  }
  const bar = count <= namedMax ? -Infinity : barOf(room.subarray(0, count), namedMax)
  for (let item = 0; item < count; item++) {
    const value = room[item] as number
    if (value >= bar && value > 0) out.add(item, value)
  }
}

/** Reused from call to call: nothing is awaited while it is used. */
let room = new Float32Array(0)
const histogram = new Uint32Array(1024)

/** A bar that about `most` values pass, never fewer than `most`: by a histogram, O(values). */
function barOf(values: Float32Array, most: number): number {
  let highest = 0
  for (const value of values) if (value > highest) highest = value
  if (highest === 0) return 0
  const scale = (histogram.length - 1) / highest
  histogram.fill(0)
  for (const value of values)
    if (value > 0) histogram[(value * scale) | 0] = (histogram[(value * scale) | 0] as number) + 1
  let passed = 0
  for (let bucket = histogram.length - 1; bucket >= 0; bucket--) {
    passed += histogram[bucket] as number
    if (passed >= most) return bucket / scale
  }
  return 0
}

/** Solves one row's regularised least squares at a time, in buffers of its own. */
class RowSolver {
  readonly #options: FactorOptions
  /** Lower triangle, row by row. */
  readonly #matrix: Float64Array
  readonly #right: Float64Array

  constructor(options: FactorOptions) {
    const { factors } = options
    this.#options = options
    this.#matrix = new Float64Array((factors * (factors + 1)) / 2)
    this.#right = new Float64Array(factors)
  }

  /** unseen * V'V of the rows of `vectors`, lower triangle. */
  gramOf(vectors: Float32Array): Float64Array {
    const { factors, unseen } = this.#options
    const gram = new Float64Array(this.#matrix.length)
    for (let start = 0; start < vectors.length; start += factors)
      addSquare(gram, vectors, start, { factors, weight: unseen })
    return gram
  }

  solveAll(
    target: Float32Array,
    rows: number,
    from: { readonly start: Uint32Array; readonly columns: Uint32Array; readonly of: Float32Array },
  ): void {
    const { factors } = this.#options
    const gram = this.gramOf(from.of)
    const others = from.of.length / factors
    for (let row = 0; row < rows; row++) {
      const first = from.start[row] as number
      const end = from.start[row + 1] as number
      if (first === end) {
        target.fill(0, row * factors, (row + 1) * factors)
        continue
      }
      this.begin(gram)
      for (let at = first; at < end; at++) this.take(from.of, from.columns[at] as number, 1)
      target.set(this.solve(end - first, others), row * factors)
    }
  }

  begin(gram: Float64Array): void {
    this.#matrix.set(gram)
    this.#right.fill(0)
  }

  /** A chosen thing, `weight` as sure as one of the training. */
  take(vectors: Float32Array, row: number, weight: number): void {
    const { factors } = this.#options
    const start = row * factors
    addSquare(this.#matrix, vectors, start, { factors, weight })
    for (let k = 0; k < factors; k++)
      this.#right[k] = (this.#right[k] as number) + weight * (vectors[start + k] as number)
  }

  /** The solution by Cholesky; the buffers are used up. */
  solve(chosen: number, others: number): Float64Array {
    const { factors, unseen, lambda } = this.#options
    const matrix = this.#matrix
    const x = this.#right
    const ridge = lambda * (chosen + unseen * others)
    for (let row = 0, diagonal = 0; row < factors; row++, diagonal += row + 1)
      matrix[diagonal] = (matrix[diagonal] as number) + ridge
    for (let row = 0, start = 0; row < factors; start += ++row) {
      for (let column = 0, other = 0; column <= row; other += ++column) {
        let sum = matrix[start + column] as number
        for (let k = 0; k < column; k++)
          sum -= (matrix[start + k] as number) * (matrix[other + k] as number)
        matrix[start + column] =
          column === row
            ? Math.sqrt(Math.max(sum, 1e-12))
            : sum / (matrix[other + column] as number)
      }
      let sum = x[row] as number
      for (let k = 0; k < row; k++) sum -= (matrix[start + k] as number) * (x[k] as number)
      x[row] = sum / (matrix[start + row] as number)
    }
    for (let row = factors - 1; row >= 0; row--) {
      const start = (row * (row + 1)) / 2
      const value = (x[row] as number) / (matrix[start + row] as number)
      x[row] = value
      for (let k = 0; k < row; k++) x[k] = (x[k] as number) - value * (matrix[start + k] as number)
    }
    return x
  }
}

function addSquare(
  matrix: Float64Array,
  vectors: Float32Array,
  start: number,
  { factors, weight }: { readonly factors: number; readonly weight: number },
): void {
  let at = 0
  for (let row = 0; row < factors; row++) {
    const value = weight * (vectors[start + row] as number)
    for (let column = 0; column <= row; column++, at++)
      matrix[at] = (matrix[at] as number) + value * (vectors[start + column] as number)
  }
}

/** How much `from` speaks for `to`: the product of their vectors. */
export function factorsBetween(model: FactorModel, from: number, to: number): number {
  const { factors, items } = model
  if ((Math.max(from, to) + 1) * factors > items.length) return 0
  let sum = 0
  for (let k = 0; k < factors; k++)
    sum += (items[from * factors + k] as number) * (items[to * factors + k] as number)
  return sum
}
