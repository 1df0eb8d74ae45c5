import { ForwardDecay } from '../forward-decay.ts'
import { GrowingArray } from '../growing-array.ts'
import type { EventKind } from '../history.ts'
import { HourWindows, type HourWindowsState } from './hour-windows.ts'

const dayMs = 86_400_000

/** What is counted of an item: it was shown, looked at, put into the cart, bought. */
export const counterNames = ['impression', 'view', 'cart', 'purchase'] as const

/** Name of a counter. */
export type CounterName = (typeof counterNames)[number]

/** Half-lives of the counters. */
export const counterSpans: Readonly<Record<CounterSpan, number>> = {
  day: dayMs,
  fortnight: 14 * dayMs,
}

/** Name of a counter's half-life. */
export type CounterSpan = 'day' | 'fortnight'

const spans = ['day', 'fortnight'] as const

/** Saved form of the counters. */
export interface ItemCountersState {
  readonly landmarksMs: Readonly<Record<CounterSpan, number | undefined>>
  readonly sums: Readonly<Record<CounterSpan, readonly Float64Array[]>>
  readonly totals: Readonly<Record<CounterSpan, Float64Array>>
  readonly windows: HourWindowsState
}

/** Pretended showings an item begins with: how slowly its own rate takes over from everybody's. */
const priorWeight = 5

/** The counter an event kind goes to. */
const counterOf: Readonly<Record<EventKind, CounterName>> = {
  impression: 'impression',
  view: 'view',
  click: 'view',
  other: 'view',
  cart: 'cart',
  purchase: 'purchase',
}

/**
 * What happened to each item, as its features need it: decayed counters (forward decay, so order
 * does not matter) and hourly windows. 164 bytes an item; O(1) an event.
 */
export class ItemCounters {
  readonly #decays: Record<CounterSpan, ForwardDecay>
  readonly #sums: Record<CounterSpan, readonly GrowingArray[]>
  readonly #totals: Record<CounterSpan, Float64Array>
  readonly #windows: HourWindows

  constructor(state?: ItemCountersState) {
    const decay = (span: CounterSpan): ForwardDecay =>
      new ForwardDecay(counterSpans[span], state?.landmarksMs[span])
    const sums = (span: CounterSpan): GrowingArray[] =>
      counterNames.map((_, at) => new GrowingArray(state?.sums[span][at]))
    const totals = (span: CounterSpan): Float64Array =>
      state?.totals[span] ?? new Float64Array(counterNames.length)
    this.#decays = { day: decay('day'), fortnight: decay('fortnight') }
    this.#sums = { day: sums('day'), fortnight: sums('fortnight') }
    this.#totals = { day: totals('day'), fortnight: totals('fortnight') }
    this.#windows = new HourWindows(state?.windows)
  }

  /** Counts one event. Showings do not enter the windows: those say what people did. */
  observe(item: number, kind: EventKind, timeMs: number, weight = 1): void {
    const counter = counterNames.indexOf(counterOf[kind])
    for (const span of spans) {
      const decay = this.#decays[span]
      const scale = decay.scaleFor(timeMs)
      const totals = this.#totals[span]
      if (scale !== 1) {
        for (const sums of this.#sums[span]) sums.scale(scale)
        for (let at = 0; at < totals.length; at++) totals[at] = (totals[at] as number) * scale
      }
      const by = weight * decay.weightAt(timeMs)
      this.#sums[span][counter]?.add(item, by)
      totals[counter] = (totals[counter] as number) + by
    }
    if (kind !== 'impression') this.#windows.count(item, timeMs)
  }

  /** What a sum must be multiplied by to be its value as of `nowMs`: once for many reads. */
  readFactor(span: CounterSpan, nowMs: number): number {
    return this.#decays[span].readFactor(nowMs)
  }

  /** Decayed count of an item; `factor` from `readFactor`. */
  value(item: number, counter: CounterName, span: CounterSpan, factor: number): number {
    return (this.#sums[span][counterNames.indexOf(counter)]?.get(item) ?? 0) * factor
  }

  /**
   * How often `of` leads to `to` for an item, over a fortnight's half-life, pulled towards the rate
   * of all items: (w + b) / (w A / B + a) with the item's counts a, b and all items' A, B
   * (Metarank's rate with a prior). A raw rate would put an item with one lucky click on top.
   */
  rate(item: number, of: CounterName, to: CounterName, factor: number): number {
    const totals = this.#totals.fortnight
    const all = (totals[counterNames.indexOf(of)] as number) * factor
    const came = (totals[counterNames.indexOf(to)] as number) * factor
    if (all <= 0 || came <= 0) return 0
    const base = (priorWeight * all) / came
    return (
      (priorWeight + this.value(item, to, 'fortnight', factor)) /
      (base + this.value(item, of, 'fortnight', factor))
    )
  }

  /** Events of the last `hours` hours (at most 24). */
  within(item: number, hours: number, nowMs: number): number {
    return this.#windows.sum(item, hours, nowMs)
  }

  /** One past the highest item counted. */
  get items(): number {
    return Math.max(this.#windows.rows, ...this.#sums.day.map(({ length }) => length))
  }

  save(): ItemCountersState {
    const sums = (span: CounterSpan): Float64Array[] =>
      this.#sums[span].map((each) => each.toArray())
    return {
      landmarksMs: {
        day: this.#decays.day.landmarkMs,
        fortnight: this.#decays.fortnight.landmarkMs,
      },
      sums: { day: sums('day'), fortnight: sums('fortnight') },
      totals: { day: this.#totals.day.slice(), fortnight: this.#totals.fortnight.slice() },
      windows: this.#windows.save(),
    }
  }
}
