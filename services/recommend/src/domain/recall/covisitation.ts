import { ForwardDecay } from '../forward-decay.ts'
import { GrowingArray } from '../growing-array.ts'
import { eventKinds, kindWeights, type History } from '../history.ts'
import { LongPart } from '../saved-pieces.ts'
import { Neighbours } from './neighbours.ts'

/** Bounds and shape of the co-visitation table. */
export interface CovisitationOptions {
  /** Events before and after that are paired with an event. */
  readonly window: number
  /** Neighbours kept an item after pruning; up to twice as many between prunings. */
  readonly rowMax: number
  readonly halfLifeMs: number
}

/** Shipped bounds: 10 steps, 200 neighbours, half-life one year. */
export const covisitationDefaults: CovisitationOptions = {
  window: 10,
  rowMax: 200,
  halfLifeMs: 365 * 86_400_000,
}

/** Saved form of the table. */
export interface CovisitationState {
  readonly landmarkMs: number | undefined
  readonly newestMs: number | undefined
  readonly rows: Iterable<SavedRow>
  readonly incoming: Float64Array
}

type SavedRow = readonly [item: number, neighbours: Uint32Array, weights: Float64Array]

/** Added to a column's sum before its root: keeps rare items from looking certain. */
const columnPrior = 20

/**
 * Who comes after whom: T[i -> j] += 1 / distance for events of one user at most `window` steps
 * apart, decayed with time, columns damped by the root of their sum (popular items follow
 * everything). Events at the same moment (one basket) have no direction and count both ways.
 * An event costs O(window); a row is pruned to its `rowMax` heaviest when it has twice as many.
 */
export class Covisitation {
  readonly options: CovisitationOptions
  readonly #decay: ForwardDecay
  readonly #rows: (Neighbours | undefined)[] = []
  readonly #incoming: GrowingArray
  #prunings = 0
  #pairs = 0
  #pairsDropped = 0
  #newestMs: number | undefined
  /** Brings sums to the scale of the newest event, so that the prior means what it says. */
  #unit = 1

  constructor(options: CovisitationOptions = covisitationDefaults, state?: CovisitationState) {
    this.options = options
    this.#decay = new ForwardDecay(options.halfLifeMs, state?.landmarkMs)
    this.#incoming = new GrowingArray(state?.incoming)
    if (state?.newestMs !== undefined) this.#moveTo(state.newestMs)
    for (const [item, neighbours, weights] of state?.rows ?? []) {
      const row = Neighbours.of(neighbours, weights)
      this.#rows[item] = row
      this.#pairs += row.size
    }
  }

  /** Pairs held now. */
  get pairs(): number {
    return this.#pairs
  }

  /** Pairs cut off rows so far: the weakest. */
  get pairsDropped(): number {
    return this.#pairsDropped
  }

  /** Rows cut back so far. */
  get prunings(): number {
    return this.#prunings
  }

  /**
   * Pairs the event at index `at` of `history` with its neighbours in time. `known`: how many
   * events of the history have been observed, this one included; all of them by default. A pair is
   * as strong as the kind of its later event. A late event also moves those around it apart, so the
   * order of arrival leaves no trace while nothing is pruned. O(window), late ones O(window^2).
   */
  observe(history: History, at: number, known: number = history.items.length): void {
    const timeMs = history.timesMs[at] as number
    const scale = this.#decay.scaleFor(timeMs)
    if (scale !== 1) this.#scale(scale)
    if (this.#newestMs === undefined || timeMs > this.#newestMs) this.#moveTo(timeMs)
    const { window } = this.options
    const first = Math.max(0, at - window)
    const last = Math.min(known - 1, at + window)
    for (let before = at - 1; before >= first; before--)
      this.#pair(history, before, at, 1 / (at - before))
    for (let after = at + 1; after <= last; after++) {
      this.#pair(history, at, after, 1 / (after - at))
      for (let before = at - 1; before >= after - 1 - window && before >= 0; before--) {
        const apart = after - before
        this.#pair(history, before, after, (apart > window ? 0 : 1 / apart) - 1 / (apart - 1))
      }
    }
  }

  /** Weights of what follows `item`; undefined where nothing is known. Do not change it. */
  row(item: number): Neighbours | undefined {
    return this.#rows[item]
  }

  /** What a weight is multiplied by to be its value as of the newest event. */
  get unit(): number {
    return this.#unit
  }

  /** What a weight in `item`'s column is multiplied by. */
  damping(item: number): number {
    return 1 / Math.sqrt(this.#incoming.get(item) * this.#unit + columnPrior)
  }

  /** Saved form, in the very memory; the rows are made as they are read. */
  view(): CovisitationState {
    return {
      landmarkMs: this.#decay.landmarkMs,
      newestMs: this.#newestMs,
      rows: new LongPart(() => this.#savedRows()),
      incoming: this.#incoming.view(),
    }
  }

  *#savedRows(): Generator<SavedRow> {
    for (const [item, row] of this.#rows.entries())
      if (row) yield [item, row.items.slice(0, row.size), row.weights.slice(0, row.size)]
  }

  #moveTo(newestMs: number): void {
    this.#newestMs = newestMs
    this.#unit = this.#decay.readFactor(newestMs)
  }

  /** Adds what the step from one event of a history to a later one says. */
  #pair({ items, timesMs, kinds }: History, from: number, to: number, share: number): void {
    const earlier = items[from] as number
    const later = items[to] as number
    if (earlier === later) return
    const timeMs = timesMs[to] as number
    const kind = eventKinds[kinds[to] as number] ?? 'other'
    const weight = share * kindWeights[kind] * this.#decay.weightAt(timeMs)
    this.#add(earlier, later, weight)
    if (timesMs[from] === timeMs) this.#add(later, earlier, weight)
  }

  #add(from: number, to: number, weight: number): void {
    let row = this.#rows[from]
    if (!row) this.#rows[from] = row = new Neighbours()
    const before = row.size
    this.#incoming.add(to, row.add(to, weight))
    this.#pairs += row.size - before
    if (row.size > 2 * this.options.rowMax) this.#prune(from, row)
  }

  #prune(from: number, row: Neighbours): void {
    const kept = row.heaviest(this.options.rowMax)
    this.#rows[from] = kept
    this.#pairs -= row.size - kept.size
    this.#pairsDropped += row.size - kept.size
    this.#prunings++
  }

  #scale(factor: number): void {
    for (const row of this.#rows) row?.scale(factor)
    this.#incoming.scale(factor)
  }
}
