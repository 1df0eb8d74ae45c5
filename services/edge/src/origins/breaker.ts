/**
 * The circuit breaker of one origin:
 *
 *   closed -> open       `failuresMax` failures in a row, or put out as an outlier
 *   open -> half-open    after `openMs`: one request goes through as a probe
 *   half-open -> closed  the probe is answered; -> open again where it fails
 *
 * A probe that its client gives up says nothing: the next request probes instead.
 */

/** When an origin counts as dead, and for how long. */
export interface BreakerRules {
  readonly failuresMax: number
  readonly openMs: number
  /** Share of failures and 5xx, 0 to 1, above which one of several origins is an outlier. */
  readonly errorShareMax: number
}

/** What a breaker lets through: everything, nothing, one probe. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** Span over which answers are counted for outliers, ms. */
export const outlierWindowMs = 10_000
/** Answers in the window below which nobody is an outlier. */
export const outlierAnswersMin = 20

/** Counts failures of one origin and says whether it may be asked. */
export class Breaker {
  readonly #rules: BreakerRules
  readonly #now: () => number
  #state: BreakerState = 'closed'
  #openUntilMs = 0
  #failures = 0
  #ejected = false
  /** Times it was put out as an outlier. */
  ejections = 0
  #windowEndMs = 0
  #answers = 0
  #errors = 0

  /** `now`: monotonic ms. */
  constructor(rules: BreakerRules, now: () => number) {
    this.#rules = rules
    this.#now = now
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Time until it may be probed, ms; 0 where it may be asked now. */
  get waitMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntilMs - this.#now()) : 0
  }

  /** True where a request may go now: closed, or open for long enough; one probe at a time. */
  permits(): boolean {
    return this.#state === 'closed' || (this.#state === 'open' && this.waitMs === 0)
  }

  /** True where too many of its recent answers were errors. */
  get outlier(): boolean {
    return (
      this.#answers >= outlierAnswersMin && this.#errors / this.#answers > this.#rules.errorShareMax
    )
  }

  /** A request goes out. */
  began(): void {
    if (this.#state === 'open') this.#state = 'half-open'
  }

  /** It answered; `error`: with a 5xx. */
  answered(error: boolean): void {
    this.#count(error)
    this.#failures = 0
    // Once it is open, late answers of requests that went before change nothing.
    if (this.#state !== 'half-open') return
    if (error && this.#ejected) this.#open()
    else this.recovered()
  }

  /** It gave no answer, or broke one off. */
  failed(): void {
    this.#count(true)
    this.#failures++
    if (this.#state === 'open') return
    if (this.#state === 'half-open' || this.#failures >= this.#rules.failuresMax) this.#open()
  }

  /** The request was given up before it was answered. */
  abandoned(): void {
    if (this.#state === 'half-open') this.#state = 'open'
  }

  /** Puts it out as an outlier. */
  eject(): void {
    this.ejections++
    this.#ejected = true
    this.#open()
  }

  /** Takes it back: it answered, or its health check says so. */
  recovered(): void {
    this.#state = 'closed'
    this.#ejected = false
    this.#failures = 0
    this.#answers = 0
    this.#errors = 0
  }

  #open(): void {
    this.#state = 'open'
    this.#openUntilMs = this.#now() + this.#rules.openMs
  }

  #count(error: boolean): void {
    const now = this.#now()
    if (now >= this.#windowEndMs) {
      this.#windowEndMs = now + outlierWindowMs
      this.#answers = 0
      this.#errors = 0
    }
    this.#answers++
    if (error) this.#errors++
  }
}
