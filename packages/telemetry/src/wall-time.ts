import type { Clock } from '@spate/runtime/clock'

/** Wall time may differ from the anchored one by this much, ms, before the anchor moves. */
const driftMsMax = 20

/**
 * Turns monotonic times into wall times with a fraction, so that spans of one process line up to
 * the microsecond however coarse or jumpy the wall clock is.
 */
export class WallTime {
  readonly #clock: Clock
  #offsetMs: number

  private constructor(clock: Clock) {
    this.#clock = clock
    this.#offsetMs = clock.now() - clock.elapsed()
  }

  /** The one anchor of `clock`: programs in one process share it. */
  static of(clock: Clock): WallTime {
    let wall = anchors.get(clock)
    if (!wall) {
      wall = new WallTime(clock)
      anchors.set(clock, wall)
    }
    return wall
  }

  /** Wall time, ms since the Unix epoch, of the monotonic time `elapsedMs`. */
  at(elapsedMs: number): number {
    return elapsedMs + this.#offsetMs
  }

  /** Wall time now, with a fraction. */
  now(): number {
    return this.#clock.elapsed() + this.#offsetMs
  }

  /** Follows a wall clock that was corrected; call now and then. */
  resync(): void {
    const offsetMs = this.#clock.now() - this.#clock.elapsed()
    if (Math.abs(offsetMs - this.#offsetMs) > driftMsMax) this.#offsetMs = offsetMs
  }
}

const anchors = new WeakMap<Clock, WallTime>()
