import type { Clock } from '@spate/runtime/clock'

/** A point in time that is only waited for where somebody asks. */
export class Deadline {
  readonly #clock: Clock
  readonly #untilMs: number
  readonly #abort = new AbortController()
  #passed: Promise<never> | undefined
  #timer: { cancel(): void } | undefined

  constructor(clock: Clock, budgetMs: number) {
    this.#clock = clock
    this.#untilMs = clock.elapsed() + budgetMs
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Rejects when the time is over. */
  passed(): Promise<never> {
    this.#passed ??= new Promise<never>((_, reject) => {
      this.#timer = this.#clock.after(this.#untilMs - this.#clock.elapsed(), () => {
        this.#abort.abort()
        reject(new Error('the deadline is past'))
      })
    })
    this.#passed.catch(() => {})
    return this.#passed
  }

  /** Nobody waits any more. */
  done(): void {
    this.#timer?.cancel()
  }
}
