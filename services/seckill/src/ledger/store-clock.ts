import type { Clock } from '@spate/runtime/clock'

/** Most ms the store's time moves towards the wall clock in one second of running. */
const slewMsPerSecond = 5

/**
 * The one time the sale goes by: wall time when it was opened, carried on by the monotonic clock.
 * A wall clock that is set back or forth by minutes while we run opens no window and ends no
 * reservation early; a wall clock that drifts is followed, 5 ms a second at most.
 */
export class StoreClock {
  readonly #clock: Clock
  #baseMs: number
  #elapsedAtBase: number
  #lastMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#baseMs = clock.now()
    this.#elapsedAtBase = clock.elapsed()
  }

  /** Whole ms since the Unix epoch; never less than before. */
  now(): number {
    const elapsed = this.#clock.elapsed()
    const sinceMs = elapsed - this.#elapsedAtBase
    if (sinceMs >= 1000) this.#follow(sinceMs)
    const now = Math.floor(this.#baseMs + elapsed - this.#elapsedAtBase)
    if (now > this.#lastMs) this.#lastMs = now
    return this.#lastMs
  }

  #follow(sinceMs: number): void {
    const steady = this.#baseMs + sinceMs
    const most = (slewMsPerSecond * sinceMs) / 1000
    const apart = this.#clock.now() - steady
    this.#baseMs = steady + Math.max(-most, Math.min(most, apart))
    this.#elapsedAtBase += sinceMs
  }
}
