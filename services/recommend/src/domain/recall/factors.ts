import type { ItemSets } from './interactions.ts'
import { usersByItem } from './interactions.ts'
import type { WeightedItems } from './profile.ts'
import { RowSolver, type RowSolverOptions } from './row-solver.ts'
import type { Scores } from './scores.ts'

/** Shape of the factorisation. */
export interface FactorOptions extends RowSolverOptions {
  readonly rounds: number
}

/** Shipped shape. */
export const factorDefaults: FactorOptions = { factors: 32, rounds: 5, unseen: 0.1, lambda: 0.01 }

/** Items as vectors. A user's vector is worked out from the history when it is asked for. */
export interface FactorModel {
  readonly factors: number
  /** Row-major items x factors. */
  readonly items: Float32Array
  /** unseen * Y'Y, row by row as `RowSolver` has it. */
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
  const solver = solverOf(options)
  for (let round = 0; round < options.rounds; round++) {
    solveAll(solver, people, { start: sets.start, columns: sets.items, of: items, factors })
    solveAll(solver, items, {
      start: transposed.start,
      columns: transposed.users,
      of: people,
      factors,
    })
  }
  return { factors, items, gram: solver.gramOf(items), options }
}

/** Solves every row of `target` against the vectors it chose. */
function solveAll(
  solver: RowSolver,
  target: Float32Array,
  side: {
    readonly start: Uint32Array
    readonly columns: Uint32Array
    readonly of: Float32Array
    readonly factors: number
  },
): void {
  const { start, columns, of, factors } = side
  const gram = solver.gramOf(of)
  const others = of.length / factors
  for (let row = 0; row + 1 < start.length; row++) {
    const from = start[row] as number
    const to = start[row + 1] as number
    const vector = from === to ? undefined : solver.solve(gram, of, columns, { from, to, others })
    for (let k = 0; k < factors; k++) target[row * factors + k] = vector?.[k] ?? 0
  }
}

/** The solver used last: a user's vector is worked out in every request. */
let lastSolver: { readonly options: FactorOptions; readonly solver: RowSolver } | undefined

function solverOf(options: FactorOptions): RowSolver {
  const known = lastSolver?.options
  if (
    !lastSolver ||
    known?.factors !== options.factors ||
    known.unseen !== options.unseen ||
    known.lambda !== options.lambda
  )
    lastSolver = { options, solver: new RowSolver(options) }
  return lastSolver.solver
}

/** A fixed pseudo-random number in [-1, 1) for each place. */
function noise(at: number): number {
  let hash = Math.imul(at + 1, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return ((hash ^ (hash >>> 13)) >>> 0) / 2_147_483_648 - 1
}

/**
 * The vector of somebody with `history`: one step of the very training. In room that the next call
 * uses again. O(history x factors^2).
 */
export function foldIn(model: FactorModel, history: WeightedItems): Float64Array {
  const known = model.items.length / model.factors
  const rows: number[] = []
  const weights: number[] = []
  history.items.forEach((item, at) => {
    if (item >= known) return
    rows.push(item)
    weights.push(history.weights[at] as number)
  })
  const chosen = { from: 0, to: rows.length, weights, others: known }
  return solverOf(model.options).solve(model.gram, model.items, rows, chosen)
}

/** Adds the best `namedMax` items by their product with the user's vector. O(items x factors). */
export function scoreFactors(model: FactorModel, history: WeightedItems, out: Scores): void {
  const { factors, items } = model
  if (history.items.length === 0) return
  const vector = foldIn(model, history)
  const count = Math.min(items.length / factors, scannedMax)
  if (room.length < count) room = new Float32Array(count)
  const whole = factors - (factors % 4)
  for (let item = 0; item < count; item++) {
    const start = item * factors
    // Four sums side by side: one alone would wait for itself at every step.
    let [a, b, c, d] = [0, 0, 0, 0]
    for (let k = 0; k < whole; k += 4) {
      a += (vector[k] as number) * (items[start + k] as number)
      b += (vector[k + 1] as number) * (items[start + k + 1] as number)
      c += (vector[k + 2] as number) * (items[start + k + 2] as number)
      d += (vector[k + 3] as number) * (items[start + k + 3] as number)
    }
    for (let k = whole; k < factors; k++) a += (vector[k] as number) * (items[start + k] as number)
    room[item] = a + b + (c + d)
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

/** How much `from` speaks for `to`: the product of their vectors. */
export function factorsBetween(model: FactorModel, from: number, to: number): number {
  const { factors, items } = model
  if ((Math.max(from, to) + 1) * factors > items.length) return 0
  let sum = 0
  for (let k = 0; k < factors; k++)
    sum += (items[from * factors + k] as number) * (items[to * factors + k] as number)
  return sum
}
