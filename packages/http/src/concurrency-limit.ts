/**
 * How many requests a program should work on at once, found from their latency. Pure: it takes
 * latencies and `now`, and yields a limit.
 *
 * Naive way: a constant. Too low wastes the machine, too high lets requests queue inside until all
 * of them are answered too late. Ours follows the gradient controllers of Netflix concurrency-limits
 * (Gradient2Limit) and Envoy (adaptive_concurrency), which stem from TCP Vegas (Brakmo 1995):
 *
 *   gradient = fine latency / latency of the last window, at most 1
 *   limit    = limit * gradient + sqrt(limit)
 *
 * The root is the head room that lets the limit grow. The fine latency is `tolerance` times the
 * baseline, the latency without queueing. A baseline that only follows the present would drift up
 * under a long overload and find it normal (Gradient2 does); so, like Envoy, it is measured: where
 * there is none yet, or it is old, and load lasts, the limit goes to `min` for a few requests.
 *
 * A store that commits in batches gets slower and far more productive with more requests at once.
 * `latencyMsFine` therefore says below which latency nothing counts as overload; where it is kept,
 * nothing is measured either.
 *
 * States: steady; probing (limit at `min`, only requests begun since then count).
 */

/** How the limit moves. */
export interface ConcurrencyOptions {
  /** Limit at the start. Default 64. */
  readonly initial: number
  /** It never goes below. Default 4. */
  readonly min: number
  /** It never goes above. Default 4,096. */
  readonly max: number
  /** Latency below which nothing counts as overload, ms. Default 20. */
  readonly latencyMsFine: number
  /** Slow-down that is still fine, as a multiple of the baseline. Default 1.5. */
  readonly tolerance: number
  /** Shortest time between changes, ms. Default 100. */
  readonly windowMs: number
  /** Fewest latencies that make a window. Default 10. */
  readonly samplesMin: number
  /** Latencies that make a baseline: more, because it lasts. Default 50. */
  readonly probeSamples: number
  /** Age at which a baseline is measured anew, ms. Default 30,000. */
  readonly baselineMs: number
}

/** Options where nothing else is said. */
export const concurrencyOptions: ConcurrencyOptions = {
  initial: 64,
  min: 4,
  max: 4096,
  latencyMsFine: 20,
  tolerance: 1.5,
  windowMs: 100,
  samplesMin: 10,
  probeSamples: 50,
  baselineMs: 30_000,
}

/** Smallest step of the gradient: one slow window halves the limit at most. */
const gradientMin = 0.5
/** An adaptive limit. Not a semaphore: the caller counts what is under way. */
export class ConcurrencyLimit {
  readonly #options: ConcurrencyOptions
  #limit: number
  #windowStartMs: number
  #sum = 0
  #count = 0
  #inflightMost = 0
  #failed = false
  #baselineMs = Number.POSITIVE_INFINITY
  #baselineAtMs: number
  /** Limit to return to after the probe, and when it began; undefined outside one. */
  #probe: { readonly limit: number; readonly sinceMs: number } | undefined

  constructor(nowMs: number, options: Partial<ConcurrencyOptions> = {}) {
    this.#options = { ...concurrencyOptions, ...options }
    this.#limit = this.#options.initial
    this.#windowStartMs = nowMs
    this.#baselineAtMs = nowMs
  }

  /** The limit now, a whole number. */
  get limit(): number {
    return Math.floor(this.#limit)
  }

  /** Latency without queueing, ms; Infinity before it was measured. */
  get baselineMs(): number {
    return this.#baselineMs
  }

  /**
   * Takes one finished request: its latency, and how many were under way when it ended.
   * `failed`: it timed out or was refused further down, which counts as a slow window.
   */
  sample(latencyMs: number, inflight: number, nowMs: number, failed = false): void {
    const probe = this.#probe
    if (probe && nowMs - latencyMs < probe.sinceMs) return
    this.#sum += latencyMs
    this.#count++
    if (inflight > this.#inflightMost) this.#inflightMost = inflight
    if (failed) this.#failed = true
    const { windowMs, samplesMin, probeSamples } = this.#options
    if (this.#count < (probe ? probeSamples : samplesMin)) return
    if (!probe && nowMs - this.#windowStartMs < windowMs) return
    const meanMs = this.#sum / this.#count
    if (probe) this.#measured(meanMs, probe.limit, nowMs)
    else this.#turn(meanMs, nowMs)
    this.#windowStartMs = nowMs
    this.#sum = 0
    this.#count = 0
    this.#inflightMost = 0
    this.#failed = false
  }

  #measured(latencyMs: number, limit: number, nowMs: number): void {
    this.#baselineMs = latencyMs
    this.#baselineAtMs = nowMs
    this.#probe = undefined
    this.#limit = limit
  }

  #turn(latencyMs: number, nowMs: number): void {
    const { min, max, tolerance, latencyMsFine, baselineMs } = this.#options
    // With room to spare the latency says nothing about the limit (app-limited, RFC 7661).
    const busy = this.#inflightMost >= this.#limit / 2
    const old = nowMs - this.#baselineAtMs >= baselineMs
    if (
      busy &&
      latencyMs > latencyMsFine &&
      (old || this.#baselineMs === Number.POSITIVE_INFINITY)
    ) {
      this.#probe = { limit: this.#limit, sinceMs: nowMs }
      this.#limit = min
      return
    }
    // At the least limit no queue is of our making: what got slower is the work itself.
    const least = this.#limit <= 2 * min && latencyMs > this.#baselineMs
    if (least || (!busy && (old || latencyMs < this.#baselineMs))) {
      this.#baselineMs = latencyMs
      this.#baselineAtMs = nowMs
    }
    const fineMs = Math.max(this.#baselineMs * tolerance, latencyMsFine)
    const slope = Math.max(gradientMin, Math.min(1, fineMs / latencyMs))
    const gradient = this.#failed ? gradientMin : slope
    if (gradient === 1 && !busy) return
    const room = this.#failed ? 0 : Math.sqrt(this.#limit)
    this.#limit = Math.min(max, Math.max(min, this.#limit * gradient + room))
  }
}
