import type { FeatureRows } from '../features/feature-vector.ts'
import type { EventKind } from '../history.ts'
import type { Placement } from '../rerank/rerank.ts'
import {
  chanceOf,
  FactorisationMachine,
  machineDefaults,
  type MachineOptions,
  type MachineState,
} from './factorisation-machine.ts'
import { emptyBatch, readBatch } from './row-batch.ts'
import { emptyRow, readRow } from './sparse-row.ts'
import { MixGate, type MixGateState } from './mix-gate.ts'
import type { ServedList } from './served-list.ts'

/** What a machine each is kept for: that an item shown is chosen, put in the cart, bought. */
export const heads = ['click', 'cart', 'purchase'] as const

/** Name of a head. */
export type Head = (typeof heads)[number]

/** How to learn. */
export interface OnlineRankerOptions {
  /** Worth of each outcome. */
  readonly worth: Readonly<Record<Head, number>>
  /** Time after which what was not chosen counts as passed over, ms. */
  readonly waitMs: number
  /** Lists kept for late outcomes; the oldest make room. About 4 KB each. */
  readonly listsMax: number
  readonly machine: MachineOptions
}

/** Shipped options. */
export const onlineRankerDefaults: OnlineRankerOptions = {
  worth: { click: 1, cart: 3, purchase: 8 },
  waitMs: 30 * 60_000,
  listsMax: 5000,
  machine: machineDefaults,
}

/** What became of an event: the list is not known, the item not in it, or it is the item's first yes. */
export type Joined =
  | { readonly kind: 'unknown' | 'not_in_list' }
  | {
      readonly kind: 'first' | 'again'
      readonly placement: Placement
      readonly list: ServedList
      /** True where it is the item's first purchase from this list. */
      readonly bought: boolean
    }

interface Pending {
  readonly list: ServedList
  /** The best that became of each item: 0 nothing, 1 click, 2 cart, 3 purchase. */
  readonly outcomes: Uint8Array
  /** 1 where the client said that the item was on the screen. */
  readonly examined: Uint8Array
  learnt: boolean
}

/** Saved form: plain data, saved together with the offsets of the log. */
export interface OnlineRankerState {
  readonly machines: readonly MachineState[]
  readonly positives: readonly number[]
  readonly rows: number
  readonly latestMs: number
  readonly gate: MixGateState
  readonly pending: readonly Pending[]
}

/** Yeses a head needs before it has a say. */
const positivesMin = 50
/** Items taken as looked at below the last that was chosen. */
const peekedAt = 1
/** Items taken as looked at where none was chosen and nobody said. */
const glancedAt = 5

/**
 * Learns from what was served and what became of it, one list at a time, and ranks by it once that
 * has been shown to help: every list is ranked with and without the machines before they learn
 * from it, and they take part only while "with" is better beyond doubt (`MixGate`).
 */
export class OnlineRanker {
  readonly options: OnlineRankerOptions
  readonly #machines: FactorisationMachine[]
  readonly #positives: number[]
  readonly #gate: MixGate
  readonly #pending = new Map<string, Pending>()
  /** Lists in order of serving that are not learnt from yet. */
  readonly #waiting: Pending[] = []
  readonly #row = emptyRow()
  readonly #batch = emptyBatch()
  #rows: number
  #latestMs: number
  #listsDropped = 0

  constructor(options: OnlineRankerOptions = onlineRankerDefaults, saved?: OnlineRankerState) {
    this.options = options
    this.#machines = heads.map(
      (_, at) => new FactorisationMachine(options.machine, saved?.machines[at]),
    )
    this.#positives = heads.map((_, at) => saved?.positives[at] ?? 0)
    this.#gate = new MixGate(saved?.gate)
    this.#rows = saved?.rows ?? 0
    this.#latestMs = saved?.latestMs ?? 0
    for (const pending of saved?.pending ?? []) this.#keep(pending)
  }

  /** Weight of the machines' log-worth beside the mixture's score; 0 while they are not proven. */
  get weight(): number {
    return this.#gate.weight
  }

  /** Rows learnt from. */
  get rows(): number {
    return this.#rows
  }

  /** Lists kept for outcomes now. */
  get lists(): number {
    return this.#pending.size
  }

  /** Lists that had to make room. */
  get listsDropped(): number {
    return this.#listsDropped
  }

  /** What is known of how well it works, for people to read. */
  figures(): Readonly<Record<string, number | readonly object[]>> {
    return {
      rows: this.#rows,
      lists: this.#gate.lists,
      waiting: this.#pending.size,
      clicks: this.#positives[0] ?? 0,
      carts: this.#positives[1] ?? 0,
      purchases: this.#positives[2] ?? 0,
      weight: this.weight,
      trials: this.#gate.figures(),
    }
  }

  /** Remembers a list that was served; false, and no change, where it is known already. */
  served(list: ServedList): boolean {
    if (this.#pending.has(list.requestId)) return false
    this.#keep({
      list,
      outcomes: new Uint8Array(list.items.length),
      examined: new Uint8Array(list.items.length),
      learnt: false,
    })
    this.#passed(list.atMs)
    return true
  }

  /** Takes in what a user did with an item of a list. */
  follow(requestId: string, itemId: string, kind: EventKind, timeMs: number): Joined {
    const pending = this.#pending.get(requestId)
    if (!pending) return { kind: 'unknown' }
    const at = pending.list.items.findIndex((item) => item.itemId === itemId)
    const item = pending.list.items[at]
    if (!item) return { kind: 'not_in_list' }
    if (kind === 'impression') pending.examined[at] = 1
    const outcome = outcomes[kind]
    const before = pending.outcomes[at] as number
    if (outcome > before) {
      pending.outcomes[at] = outcome
      // A late yes: the row was taken for a no, and now counts as what it is.
      if (pending.learnt) this.#learnRow(pending, at, before)
    }
    this.#passed(timeMs)
    const { placement } = item
    const step = before === 0 && outcome > 0 ? 'first' : 'again'
    const bought = outcome === outcomes.purchase && before < outcome
    return { kind: step, placement, list: pending.list, bought }
  }

  /** Log of what each row is worth by the machines: what is mixed with the score. */
  logWorth(rows: FeatureRows): Float64Array {
    const out = new Float64Array(rows.rows)
    readBatch(rows, this.options.machine.buckets, this.#batch)
    const odds = new Float64Array(rows.rows)
    this.#machines.forEach((machine, head) => {
      if (!this.#speaks(head)) return
      const worth = this.options.worth[heads[head] as Head]
      machine.oddsOf(this.#batch, odds)
      for (let at = 0; at < odds.length; at++)
        out[at] = (out[at] as number) + worth * chanceOf(odds[at] as number)
    })
    for (let at = 0; at < out.length; at++) out[at] = Math.log(Math.max(out[at] as number, 1e-9))
    return out
  }

  /** Learns from all lists that wait, whatever their age: for tests and for the end of a replay. */
  settle(): void {
    for (const pending of this.#waiting.splice(0)) this.#learn(pending)
  }

  /**
   * Learns rows with known outcomes (0 nothing, 1 click, 2 cart, 3 purchase) at once, as an offline
   * replay has them; gives the log-worth of each before learning.
   */
  teach(rows: FeatureRows, outcomes: readonly number[]): Float64Array {
    const before = this.logWorth(rows)
    outcomes.forEach((outcome, at) => {
      readRow(rows, at, this.options.machine.buckets, this.#row)
      this.#machines.forEach((machine, head) => {
        const yes = outcome > head
        machine.learn(this.#row, yes ? 1 : 0)
        if (yes) this.#positives[head] = (this.#positives[head] ?? 0) + 1
      })
      this.#rows++
    })
    return before
  }

  /** The heads that have a say, with what each is worth, for export. */
  speakers(): readonly { name: Head; machine: MachineState; worth: number }[] {
    return heads.flatMap((name, head) =>
      this.#speaks(head)
        ? [
            {
              name,
              machine: (this.#machines[head] as FactorisationMachine).save(),
              worth: this.options.worth[name],
            },
          ]
        : [],
    )
  }

  save(): OnlineRankerState {
    return {
      // Weights nobody has touched are made again as they are.
      machines: this.#rows === 0 ? [] : this.#machines.map((machine) => machine.save()),
      positives: [...this.#positives],
      rows: this.#rows,
      latestMs: this.#latestMs,
      gate: this.#gate.save(),
      pending: [...this.#pending.values()],
    }
  }

  #keep(pending: Pending): void {
    this.#pending.set(pending.list.requestId, pending)
    if (!pending.learnt) this.#waiting.push(pending)
    if (this.#pending.size <= this.options.listsMax) return
    const [oldest] = this.#pending.values()
    if (oldest === undefined) return
    this.#pending.delete(oldest.list.requestId)
    this.#listsDropped++
    if (oldest.learnt) return
    this.#waiting.splice(this.#waiting.indexOf(oldest), 1)
    this.#learn(oldest)
  }

  /** Time moves with the log, so a replay learns in the same order. */
  #passed(timeMs: number): void {
    this.#latestMs = Math.max(this.#latestMs, timeMs)
    let due = 0
    while (due < this.#waiting.length) {
      const { list } = this.#waiting[due] as Pending
      if (this.#latestMs - list.atMs < this.options.waitMs) break
      due++
    }
    if (due > 0) for (const pending of this.#waiting.splice(0, due)) this.#learn(pending)
  }

  #learn(pending: Pending): void {
    pending.learnt = true
    const { list, outcomes } = pending
    const seen = examinedPlaces(pending)
    const chosen = seen.filter((at) => (outcomes[at] as number) > 0)
    if (chosen.length > 0 && chosen.length < seen.length) {
      const worth = this.logWorth(list.features)
      this.#gate.judge(
        seen.map((at) => ({
          score: list.items[at]?.score ?? 0,
          logWorth: worth[at] as number,
          chosen: (outcomes[at] as number) > 0,
        })),
      )
    }
    for (const at of seen) this.#learnRow(pending, at, -1)
  }

  /** Teaches each head one row; `before`: the outcome it was taught already, -1 for none. */
  #learnRow({ list, outcomes }: Pending, at: number, before: number): void {
    readRow(list.features, at, this.options.machine.buckets, this.#row)
    const outcome = outcomes[at] as number
    this.#machines.forEach((machine, head) => {
      const yes = outcome > head
      if (before >= 0 && (!yes || before > head)) return
      machine.learn(this.#row, yes ? 1 : 0)
      if (yes) this.#positives[head] = (this.#positives[head] ?? 0) + 1
    })
    this.#rows++
  }

  #speaks(head: number): boolean {
    return head === 0 || (this.#positives[head] ?? 0) >= positivesMin
  }
}

/** What a kind says of an item that was shown. */
const outcomes: Readonly<Record<EventKind, number>> = {
  purchase: 3,
  cart: 2,
  click: 1,
  view: 1,
  other: 0,
  impression: 0,
}

/** Places of a list the user has looked at: as the client said, else down to just below the last chosen. */
function examinedPlaces({ outcomes, examined }: Pending): number[] {
  const said = examined.includes(1)
  let last = -1
  outcomes.forEach((outcome, at) => {
    if (outcome > 0) last = at
  })
  const until = last >= 0 ? last + peekedAt : glancedAt - 1
  const places: number[] = []
  for (let at = 0; at < outcomes.length; at++)
    if ((outcomes[at] as number) > 0 || (said ? examined[at] === 1 : at <= until)) places.push(at)
  return places
}
