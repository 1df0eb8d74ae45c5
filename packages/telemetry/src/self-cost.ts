import type { Clock } from '@spate/runtime/clock'

/** One request in this many is measured. */
export const measuredEvery = 1024
/** Weight of the newest measurement in the average. */
const newest = 1 / 16

/**
 * What telemetry costs a request: the time its begin and its end take, on one request in 1024, without
 * the time of the clock readings that measure it. Child spans and the delivery are not in it.
 */
export class SelfCost {
  readonly #clock: Clock
  #until = measuredEvery
  #begunMs = 0
  #watched: object | undefined = undefined
  /** Requests measured. */
  measured = 0
  /** Average, in s; 0 before the first. */
  seconds = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True where the request that begins now is to be measured. */
  due(): boolean {
    if (--this.#until > 0) return false
    this.#until = measuredEvery
    return true
  }

  /** Makes a request's telemetry and remembers how long that took. */
  begin<Made extends object>(make: () => Made): Made {
    let made: Made | undefined
    this.#begunMs = this.#timed(() => void (made = make()))
    this.#watched = made
    return made as Made
  }

  /** True where the request is the one under measurement. */
  watches(request: object): boolean {
    return this.#watched === request
  }

  /** Ends the request under measurement. */
  end(finish: () => void): void {
    this.#watched = undefined
    const seconds = (this.#begunMs + this.#timed(finish)) / 1000
    this.seconds =
      this.measured++ === 0 ? seconds : this.seconds + newest * (seconds - this.seconds)
  }

  #timed(task: () => void): number {
    const first = this.#clock.elapsed()
    const second = this.#clock.elapsed()
    task()
    const third = this.#clock.elapsed()
    return Math.max(0, third - second - (second - first))
  }
}
