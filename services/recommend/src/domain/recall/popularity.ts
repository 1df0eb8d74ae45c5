import { ForwardDecay } from '../forward-decay.ts'
import { GrowingArray } from '../growing-array.ts'

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
  readonly #tops = new Map<PopularitySpan, { items: Uint32Array; version: number; most: number }>()
  #version = 0

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
    this.#version++
    for (const span of popularitySpans) {
      const scale = this.#decays[span].scaleFor(timeMs)
      if (scale !== 1) this.#sums[span].scale(scale)
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
   * The `most` most wanted items, most first; ties by item. Sorted anew only after a share of
   * events worth it, so an item that rises may come up to 2 % of the catalogue's events late.
   */
  top(span: PopularitySpan, most: number): Uint32Array {
    const known = this.#tops.get(span)
    const staleAfter = 1 + Math.floor(this.items / 50)
    if (known && known.most >= most && this.#version - known.version < staleAfter)
      return known.items.subarray(0, most)
    const sums = this.#sums[span]
    const order: number[] = []
    for (let item = 0; item < this.items; item++) if (sums.get(item) > 0) order.push(item)
    order.sort((a, b) => sums.get(b) - sums.get(a) || a - b)
    const items = Uint32Array.from(order.slice(0, most))
    this.#tops.set(span, { items, version: this.#version, most })
    return items
  }

  /** One past the highest item seen. */
  get items(): number {
    return this.#sums.ever.length
  }

  save(): PopularityState {
    const one = (span: PopularitySpan): PopularityState[PopularitySpan] => ({
      landmarkMs: this.#decays[span].landmarkMs,
      sums: this.#sums[span].toArray(),
    })
    return {
      day: one('day'),
      fortnight: one('fortnight'),
      quarter: one('quarter'),
      ever: one('ever'),
    }
  }
}
