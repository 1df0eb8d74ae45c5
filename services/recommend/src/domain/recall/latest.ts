import type { Scores } from './scores.ts'

/** Saved form: items, the newest first, and since when they are there. */
export interface LatestState {
  readonly items: Uint32Array
  readonly timesMs: Float64Array
}

/** Newest items held. */
export const latestMax = 500

/**
 * The newest items by the day they were published, or else first described. O(1) for an item newer
 * than all others, O(held) at worst.
 */
export class Latest {
  readonly #items: number[]
  readonly #timesMs: number[]

  constructor(state?: LatestState) {
    this.#items = [...(state?.items ?? [])]
    this.#timesMs = [...(state?.timesMs ?? [])]
  }

  /** Items held. */
  get size(): number {
    return this.#items.length
  }

  /** Puts an item in its place in time; a known one moves. */
  put(item: number, timeMs: number): void {
    const known = this.#items.indexOf(item)
    if (known >= 0) {
      this.#items.splice(known, 1)
      this.#timesMs.splice(known, 1)
    }
    let at = 0
    while (at < this.#items.length && (this.#timesMs[at] as number) > timeMs) at++
    if (at >= latestMax) return
    this.#items.splice(at, 0, item)
    this.#timesMs.splice(at, 0, timeMs)
    if (this.#items.length > latestMax) {
      this.#items.pop()
      this.#timesMs.pop()
    }
  }

  /** Since when the item is there, ms; undefined where it is not among the newest. */
  since(item: number): number | undefined {
    return this.#timesMs[this.#items.indexOf(item)]
  }

  /** Adds the newest items as of `nowMs`, halved every `halfLifeMs`; what is still to come is left out. */
  score(nowMs: number, halfLifeMs: number, out: Scores): void {
    for (let at = 0; at < this.#items.length; at++) {
      const ageMs = nowMs - (this.#timesMs[at] as number)
      if (ageMs >= 0) out.add(this.#items[at] as number, 2 ** (-ageMs / halfLifeMs))
    }
  }

  save(): LatestState {
    return { items: Uint32Array.from(this.#items), timesMs: Float64Array.from(this.#timesMs) }
  }
}
