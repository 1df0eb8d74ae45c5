import { stepBetween, type Reading, type Step } from './reading.ts'

/** The last steps of one program, oldest first; at most `pointsMax`. */
export class History {
  readonly #pointsMax: number
  readonly #steps: Step[] = []
  #last: Reading | undefined

  constructor(pointsMax: number) {
    this.#pointsMax = pointsMax
  }

  /** Takes the next reading. The first one only sets where counting starts. */
  take(reading: Reading): void {
    if (this.#last && reading.atMs > this.#last.atMs) {
      this.#steps.push(stepBetween(this.#last, reading))
      if (this.#steps.length > this.#pointsMax) this.#steps.shift()
    }
    this.#last = reading
  }

  get steps(): readonly Step[] {
    return this.#steps
  }

  /** The newest reading; undefined before the first. */
  get last(): Reading | undefined {
    return this.#last
  }
}
