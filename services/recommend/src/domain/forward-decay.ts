/**
 * Forward decay (Cormode et al., "Forward Decay: A Practical Time Decay Model for Streaming
 * Systems", ICDE 2009). An event at time t counts 2^((t - landmark) / halfLife) for ever; dividing
 * by the same power of `now` gives the decayed sum. So sums never need to be touched as time
 * passes, the order of events does not matter, and a late event gets exactly its right weight.
 * The exponent is kept small by moving the landmark now and then, which scales all sums once.
 */
export class ForwardDecay {
  readonly halfLifeMs: number
  #landmarkMs: number | undefined
  /** The time asked for last, and its weight: events come with the same time again and again. */
  #weighedMs: number | undefined
  #weight = 1

  /** `halfLifeMs`: > 0; `Infinity` for plain sums. */
  constructor(halfLifeMs: number, landmarkMs?: number) {
    this.halfLifeMs = halfLifeMs
    this.#landmarkMs = landmarkMs
  }

  /** The time whose events weigh 1, ms; undefined before the first event. */
  get landmarkMs(): number | undefined {
    return this.#landmarkMs
  }

  /** Weight of an event at `timeMs`. Call `scaleFor` first where the time may be new. */
  weightAt(timeMs: number): number {
    if (this.halfLifeMs === Infinity) return 1
    if (timeMs === this.#weighedMs) return this.#weight
    this.#landmarkMs ??= timeMs
    this.#weighedMs = timeMs
    this.#weight = 2 ** ((timeMs - this.#landmarkMs) / this.halfLifeMs)
    return this.#weight
  }

  /** What a sum must be multiplied by to be its value as of `nowMs`. */
  readFactor(nowMs: number): number {
    return 1 / this.weightAt(nowMs)
  }

  /**
   * The factor all sums must be multiplied by before an event at `timeMs` is added: 1 nearly
   * always, and a power of two below 1 once in 400 half-lives, when the landmark moves.
   */
  scaleFor(timeMs: number): number {
    if (this.halfLifeMs === Infinity) return 1
    this.#landmarkMs ??= timeMs
    const exponent = (timeMs - this.#landmarkMs) / this.halfLifeMs
    if (exponent < exponentMax) return 1
    const steps = Math.floor(exponent)
    this.#landmarkMs += steps * this.halfLifeMs
    this.#weighedMs = undefined
    return 2 ** -steps
  }
}

/** The landmark moves when the newest weight would pass 2^400: far from the 2^1023 of a double. */
const exponentMax = 400
