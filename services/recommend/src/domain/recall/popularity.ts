import { ForwardDecay } from '../forward-decay.ts'
import { GrowingArray } from '../growing-array.ts'
import { TopList, type TopItems } from './top-list.ts'

const dayMs = 86_400_000

/** Half-lives counted side by side, by name. Which of them serves is chosen by validation. */
export const popularityHalfLives: Readonly<Record<PopularitySpan, number>> = {
  day: dayMs,
  fortnight: 14 * dayMs,
  quarter: 90 * dayMs,
  ever: Infinity,
}

/** Name of a half-life. */
export type PopularitySpan = 'day' | 'fortnight' | 'quarter' | 'ever'

/** All half-lives, shortest first. */
export const popularitySpans: readonly PopularitySpan[] = ['day', 'fortnight', 'quarter', 'ever']

/** Most items the popularity voices name. */
const topMost = 5000

/** Saved form of the counters. */
export type PopularityState = Readonly<
  Record<PopularitySpan, { readonly landmarkMs: number | undefined; readonly sums: Float64Array }>
>

/**
 * How much each item is wanted, decayed at several speeds at once. An event costs O(1) a half-life,
 * whatever its order; memory is 8 bytes an item and half-life.
 */
export class Popularity {
  readonly #decays: Record<PopularitySpan, ForwardDecay>
  readonly #sums: Record<PopularitySpan, GrowingArray>
  readonly #tops = new Map<PopularitySpan, TopList>()

  constructor(state?: PopularityState) {
    const decay = (span: PopularitySpan): ForwardDecay =>
      new ForwardDecay(popularityHalfLives[span], state?.[span].landmarkMs)
    const sums = (span: PopularitySpan): GrowingArray => new GrowingArray(state?.[span].sums)
    this.#decays = {
      day: decay('day'),
      fortnight: decay('fortnight'),
      quarter: decay('quarter'),
      ever: decay('ever'),
    }
    this.#sums = {
      day: sums('day'),
      fortnight: sums('fortnight'),
      quarter: sums('quarter'),
      ever: sums('ever'),
    }
  }

  /** Counts one event. */
  observe(item: number, timeMs: number, weight: number): void {
    for (const span of popularitySpans) {
      const scale = this.#decays[span].scaleFor(timeMs)
      if (scale !== 1) {
        this.#sums[span].scale(scale)
        this.#tops.delete(span)
      }
      this.#tops.get(span)?.grew(item)
      this.#sums[span].add(item, weight * this.#decays[span].weightAt(timeMs))
    }
  }

  /** Decayed sum as of `nowMs`. */
  value(item: number, span: PopularitySpan, nowMs: number): number {
    return this.#sums[span].get(item) * this.#decays[span].readFactor(nowMs)
  }

  /**
   * The sum up to a factor that all items share: enough to rank by, and free of overflow when
   * `now` is far from the events.
   */
  relative(item: number, span: PopularitySpan): number {
    return this.#sums[span].get(item)
  }

  /**
   * The `most` most wanted items, most first; ties by item. Renewed once 2 % of the catalogue's items
   * changed, so an item that rises may come that much late.
   */
  top(span: PopularitySpan, most: number): Uint32Array {
    return this.#top(span, most).items.subarray(0, most)
  }

  /** The 5000 most wanted items, each with its sum to the power of `power` as of the last renewal. */
  powered(span: PopularitySpan, power: number): TopItems {
    return this.#top(span, topMost).powered(power)
  }

  #top(span: PopularitySpan, most: number): TopList {
    const known = this.#tops.get(span)
    if (known && known.most >= most) {
      if (known.changed > this.items / 50) known.renew()
      return known
    }
    const sums = this.#sums[span]
    const made = new TopList(Math.max(most, topMost), this.items, (item) => sums.get(item))
    this.#tops.set(span, made)
    return made
  }

  /** One past the highest item seen. */
  get items(): number {
    return this.#sums.ever.length
  }

  /** Saved form, in the very memory. */
  view(): PopularityState {
    const span = (name: PopularitySpan): PopularityState[PopularitySpan] => ({
      landmarkMs: this.#decays[name].landmarkMs,
      sums: this.#sums[name].view(),
    })
    return {
      day: span('day'),
      fortnight: span('fortnight'),
      quarter: span('quarter'),
      ever: span('ever'),
    }
  }
}
