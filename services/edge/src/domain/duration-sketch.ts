/**
 * Durations in buckets that are each 2 % wider than the one below, so that a quantile is within 1 %
 * (DDSketch, Masson et al., VLDB 2019, with fixed bounds): 10 us to 10 min; what lies outside counts
 * for the nearest end.
 */

const leastMs = 0.01
const mostMs = 600_000
const growth = Math.log(1.02)
const buckets = Math.ceil(Math.log(mostMs / leastMs) / growth) + 1

/** Counts durations by size. */
export class DurationSketch {
  readonly #counts = new Float64Array(buckets)
  #total = 0

  /** Counts a duration in ms `weight` times. O(1). */
  add(ms: number, weight: number): void {
    const at = ms > leastMs ? Math.ceil(Math.log(ms / leastMs) / growth) : 0
    this.addTo(Math.min(at, buckets - 1), weight)
  }

  /** Counts into bucket `at`; for reading `filled` back. Nothing where there is no such bucket. */
  addTo(at: number, weight: number): void {
    if (!(at >= 0 && at < buckets)) return
    this.#counts[at] = (this.#counts[at] as number) + weight
    this.#total += weight
  }

  /** Adds all of `other`. O(buckets). */
  merge(other: DurationSketch): void {
    for (const [at, weight] of other.filled()) this.addTo(at, weight)
  }

  /** Buckets that hold something, and what. */
  filled(): [at: number, weight: number][] {
    const filled: [number, number][] = []
    for (let at = 0; at < buckets; at++) {
      const weight = this.#counts[at] as number
      if (weight > 0) filled.push([at, weight])
    }
    return filled
  }

  /** The `q`-quantile in ms, 0 <= q <= 1; undefined where nothing was counted. O(buckets). */
  quantile(q: number): number | undefined {
    if (this.#total === 0) return undefined
    let left = Math.max(q * this.#total, Number.MIN_VALUE)
    for (const [at, weight] of this.filled()) {
      left -= weight
      // The middle of the bucket, by ratio.
      if (left <= 0) return at === 0 ? leastMs : leastMs * Math.exp((at - 0.5) * growth)
    }
    return mostMs
  }

  clear(): void {
    this.#counts.fill(0)
    this.#total = 0
  }
}
