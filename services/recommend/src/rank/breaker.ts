import type { Clock } from '@spate/runtime/clock'

/** When a breaker opens, and for how long. */
export interface BreakerLimits {
  /** Failures in a row that open it. */
  readonly failuresMax: number
  /** Time before one call may try again, ms; doubled for each failed try, up to 8 times this. */
  readonly pauseMs: number
}

/** Shipped limits. */
export const breakerLimits: BreakerLimits = { failuresMax: 5, pauseMs: 2000 }

/** State of a breaker. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** Stops calls to what keeps failing, and lets one through now and then to see (Nygard, 2007). */
export class Breaker {
  readonly #clock: Clock
  readonly #limits: BreakerLimits
  #failures = 0
  #openedMs = 0
  #pauseMs: number
  #trying = false

  constructor(clock: Clock, limits: BreakerLimits = breakerLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#pauseMs = limits.pauseMs
  }

  get state(): BreakerState {
    if (this.#failures < this.#limits.failuresMax) return 'closed'
    return this.#clock.elapsed() - this.#openedMs >= this.#pauseMs ? 'half-open' : 'open'
  }

  /** True where a call may be made now; each true must be followed by `succeeded` or `failed`. */
  admits(): boolean {
    const { state } = this
    if (state === 'closed') return true
    if (state === 'open' || this.#trying) return false
    this.#trying = true
    return true
  }

  succeeded(): void {
    this.#failures = 0
    this.#trying = false
    this.#pauseMs = this.#limits.pauseMs
  }

  failed(): void {
    this.#failures++
    if (this.#failures < this.#limits.failuresMax) return
    if (this.#trying) this.#pauseMs = Math.min(this.#pauseMs * 2, this.#limits.pauseMs * 8)
    this.#trying = false
    this.#openedMs = this.#clock.elapsed()
  }
}
