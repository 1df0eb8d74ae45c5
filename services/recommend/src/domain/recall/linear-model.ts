import type { Scores } from './scores.ts'
import type { WeightedItems } from './profile.ts'

/**
 * An item-to-item weight matrix B: what item i of a history says for item j is B[i][j].
 * The head (most popular items) is a dense block; other rows are short sparse lists. Either part
 * may be empty. Plain arrays only, so that a worker thread can hand it over without copying.
 */
export interface LinearModel {
  /** Items of the dense block, and their place in it by item (-1 elsewhere). */
  readonly head: Uint32Array
  readonly placeOf: Int32Array
  /** Row-major head x head. */
  readonly dense: Float32Array
  /** Sparse rows: item i has `neighbours[start[i]..start[i + 1])`. */
  readonly start: Uint32Array
  readonly neighbours: Uint32Array
  readonly weights: Float32Array
}

/** Adds what `history` says through `model` to `out`. O(history x row length). */
export function scoreLinear(model: LinearModel, history: WeightedItems, out: Scores): void {
  const { placeOf, start, neighbours, weights } = model
  const sum = headSums(model, history)
  if (sum) out.addAll(model.head, sum, 1, model.head.length)
  for (let at = 0; at < history.items.length; at++) {
    const item = history.items[at] as number
    if (item >= placeOf.length || item + 1 >= start.length) continue
    const weight = history.weights[at] as number
    const end = start[item + 1] as number
    for (let k = start[item] as number; k < end; k++)
      out.add(neighbours[k] as number, weight * (weights[k] as number))
  }
}

/** Room for one history's sum over the head; reused, because nothing is awaited while it is used. */
let headRoom = new Float64Array(0)

/** What the history says for each place of the head; undefined where nothing of it is in the head. */
function headSums(model: LinearModel, history: WeightedItems): Float64Array | undefined {
  const { head, placeOf, dense } = model
  const size = head.length
  if (headRoom.length < size) headRoom = new Float64Array(size)
  const sum = headRoom
  let any = false
  for (let at = 0; at < history.items.length; at++) {
    const place = placeOf[history.items[at] as number] ?? -1
    if (place < 0) continue
    const weight = history.weights[at] as number
    const offset = place * size
    if (!any) for (let k = 0; k < size; k++) sum[k] = weight * (dense[offset + k] as number)
    else
      for (let k = 0; k < size; k++)
        sum[k] = (sum[k] as number) + weight * (dense[offset + k] as number)
    any = true
  }
  return any ? sum : undefined
}

/** B[from][to]; 0 where the model has no weight. O(row length) outside the head. */
export function weightBetween(model: LinearModel, from: number, to: number): number {
  const fromPlace = model.placeOf[from] ?? -1
  const toPlace = model.placeOf[to] ?? -1
  let weight = 0
  if (fromPlace >= 0 && toPlace >= 0)
    weight += model.dense[fromPlace * model.head.length + toPlace] as number
  if (from + 1 < model.start.length) {
    for (let k = model.start[from] as number; k < (model.start[from + 1] as number); k++)
      if (model.neighbours[k] === to) weight += model.weights[k] as number
  }
  return weight
}

/** A model of `items` items that says nothing. */
export function emptyLinearModel(items: number): LinearModel {
  return {
    head: new Uint32Array(0),
    placeOf: new Int32Array(items).fill(-1),
    dense: new Float32Array(0),
    start: new Uint32Array(items + 1),
    neighbours: new Uint32Array(0),
    weights: new Float32Array(0),
  }
}

/** Collects sparse rows, which must come in order of item. */
export class SparseRows {
  readonly #start: number[] = [0]
  #neighbours: number[] = []
  #weights: number[] = []

  /** Ends the row of the next item. */
  endRow(): void {
    this.#start.push(this.#neighbours.length)
  }

  add(neighbour: number, weight: number): void {
    this.#neighbours.push(neighbour)
    this.#weights.push(weight)
  }

  finish(): Pick<LinearModel, 'start' | 'neighbours' | 'weights'> {
    return {
      start: Uint32Array.from(this.#start),
      neighbours: Uint32Array.from(this.#neighbours),
      weights: Float32Array.from(this.#weights),
    }
  }
}
