/** Buckets of 1/32 of a power of two from 1 us to about an hour: an error of at most 3 %. */
const steps = 32

/** Latencies of a load, in ms: count, mean and quantiles, in 8 kB whatever the count. */
export class LatencyBook {
  readonly #counts: Float64Array = new Float64Array(steps * 33)
  #count = 0
  #sumMs = 0
  #maxMs = 0

  get count(): number {
    return this.#count
  }

  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count
  }

  get maxMs(): number {
    return this.#maxMs
  }

  add(ms: number): void {
    const at = Math.floor(Math.log2(Math.max(1, ms * 1000)) * steps)
    const bucket = Math.min(this.#counts.length - 1, at)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#count++
    this.#sumMs += ms
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  /** The latency that a share of `quantile` (0 to 1) did not exceed, ms; 0 where there is none. */
  quantileMs(quantile: number): number {
    if (this.#count === 0) return 0
    let left = Math.ceil(this.#count * quantile)
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count
      if (left <= 0) return Math.min(this.#maxMs, 2 ** ((bucket + 1) / steps) / 1000)
    }
    return this.#maxMs
  }
}
