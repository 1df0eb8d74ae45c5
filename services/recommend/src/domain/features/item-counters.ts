import { ForwardDecay } from '../forward-decay.ts'
import { GrowingArray } from '../growing-array.ts'
import type { EventKind } from '../history.ts'
import { RecentReads } from './recent-reads.ts'
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

/** What reading the counters at one moment takes, worked out once for many items. */
export interface CountersAsOf {
  /** The whole second the counters are read as of: reads of one second share their logarithms. */
  readonly secondMs: number
  readonly dayFactor: number
  readonly fortnightFactor: number
  /** Pretended showings of each rate: impression to view, view to cart, view to purchase. 0: no rate. */
  readonly bases: readonly [number, number, number]
}

/** Against an even day an item on the rise is above 1; the prior keeps lone events quiet. */
const trendPrior = 3

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
  readonly #reads = new RecentReads()

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
    this.#reads.forget(item)
    for (const span of spans) {
      const decay = this.#decays[span]
      const scale = decay.scaleFor(timeMs)
      const totals = this.#totals[span]
      if (scale !== 1) {
        this.#reads.forgetAll()
        for (const sums of this.#sums[span]) sums.scale(scale)
        for (let at = 0; at < totals.length; at++) totals[at] = (totals[at] as number) * scale
      }
      const by = weight * decay.weightAt(timeMs)
      this.#sums[span][counter]?.add(item, by)
      totals[counter] = (totals[counter] as number) + by
    }
    if (kind !== 'impression') this.#windows.count(item, timeMs)
  }

  /** What `write` needs to read the counters as of `nowMs`, to the second. */
  asOf(nowMs: number): CountersAsOf {
    const secondMs = Math.floor(nowMs / 1000) * 1000
    const fortnightFactor = this.readFactor('fortnight', secondMs)
    return {
      secondMs,
      dayFactor: this.readFactor('day', secondMs),
      fortnightFactor,
      bases: [
        this.#base('impression', 'view', fortnightFactor),
        this.#base('view', 'cart', fortnightFactor),
        this.#base('view', 'purchase', fortnightFactor),
      ],
    }
  }

  /** Writes the eleven numbers `item.views_day` to `item.trend` of a vector; gives the place behind. */
  write(item: number, asOf: CountersAsOf, out: Float32Array, start: number): number {
    const { secondMs, fortnightFactor, bases } = asOf
    const own = this.#reads.find(item, secondMs)
    const { numbers } = this.#reads
    if (!this.#reads.found) this.#read(item, asOf, numbers, own)
    const fortnight = this.#sums.fortnight as Four
    const shown = fortnight[0].get(item) * fortnightFactor
    const viewed = fortnight[1].get(item) * fortnightFactor
    const carted = fortnight[2].get(item) * fortnightFactor
    const bought = fortnight[3].get(item) * fortnightFactor
    out[start] = numbers[own] as number
    out[start + 1] = numbers[own + 1] as number
    out[start + 2] = numbers[own + 2] as number
    out[start + 3] = numbers[own + 3] as number
    out[start + 4] = numbers[own + 4] as number
    // Rates follow everybody's counts, which move with each event.
    out[start + 5] = rateOf(viewed, shown, bases[0])
    out[start + 6] = rateOf(carted, viewed, bases[1])
    out[start + 7] = rateOf(bought, viewed, bases[2])
    out[start + 8] = numbers[own + 5] as number
    out[start + 9] = numbers[own + 6] as number
    out[start + 10] = numbers[own + 7] as number
    return start + 11
  }

  /** The eight of the eleven numbers that are the item's own. */
  #read(item: number, asOf: CountersAsOf, out: Float32Array, start: number): void {
    const { secondMs, dayFactor, fortnightFactor } = asOf
    const day = this.#sums.day as Four
    const fortnight = this.#sums.fortnight as Four
    const lastHour = this.#windows.sum(item, 1, secondMs)
    const lastDay = this.#windows.sum(item, 24, secondMs)
    out[start] = Math.log1p(day[1].get(item) * dayFactor)
    out[start + 1] = Math.log1p(fortnight[1].get(item) * fortnightFactor)
    out[start + 2] = Math.log1p(day[3].get(item) * dayFactor)
    out[start + 3] = Math.log1p(fortnight[3].get(item) * fortnightFactor)
    out[start + 4] = Math.log1p(fortnight[0].get(item) * fortnightFactor)
    out[start + 5] = Math.log1p(lastHour)
    out[start + 6] = Math.log1p(lastDay)
    out[start + 7] = (lastHour + trendPrior) / (lastDay / 24 + trendPrior)
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
    return rateOf(
      this.value(item, to, 'fortnight', factor),
      this.value(item, of, 'fortnight', factor),
      this.#base(of, to, factor),
    )
  }

  #base(of: CounterName, to: CounterName, factor: number): number {
    const totals = this.#totals.fortnight
    const all = (totals[counterNames.indexOf(of)] as number) * factor
    const came = (totals[counterNames.indexOf(to)] as number) * factor
    return all <= 0 || came <= 0 ? 0 : (priorWeight * all) / came
  }

  /** Events of the last `hours` hours (at most 24). */
  within(item: number, hours: number, nowMs: number): number {
    return this.#windows.sum(item, hours, nowMs)
  }

  /** One past the highest item counted. */
  get items(): number {
    return Math.max(this.#windows.rows, ...this.#sums.day.map(({ length }) => length))
  }

  /** Saved form, in the very memory. */
  view(): ItemCountersState {
    const sums = (span: CounterSpan): Float64Array[] => this.#sums[span].map((each) => each.view())
    return {
      landmarksMs: {
        day: this.#decays.day.landmarkMs,
        fortnight: this.#decays.fortnight.landmarkMs,
      },
      sums: { day: sums('day'), fortnight: sums('fortnight') },
      totals: { day: this.#totals.day, fortnight: this.#totals.fortnight },
      windows: this.#windows.view(),
    }
  }
}

/** Sums in the order of `counterNames`. */
type Four = readonly [GrowingArray, GrowingArray, GrowingArray, GrowingArray]

function rateOf(came: number, all: number, base: number): number {
  return base === 0 ? 0 : (priorWeight + came) / (base + all)
}
