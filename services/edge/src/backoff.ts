/** First pause after a failure, and the longest, ms; each failure doubles it. */
export const backoffFirstMs = 1000
/** Longest pause, ms. */
export const backoffMsMax = 30_000
/** Most keys remembered; the oldest goes first. */
export const backoffKeysMax = 100_000

interface Step {
  readonly failures: number
  readonly untilMs: number
  /** True where the origin could not be reached at all. */
  readonly disconnected: boolean
}

/** Remembers for which keys the origin failed, so that a stale answer stands in without asking each time. */
export class Backoff {
  readonly #steps = new Map<string, Step>()

  /** True while nobody should ask the origin for `key`. */
  rests(key: string, nowMs: number): boolean {
    const step = this.#steps.get(key)
    return step !== undefined && nowMs < step.untilMs
  }

  /** True where `key` rests because the origin could not be reached. */
  disconnected(key: string): boolean {
    return this.#steps.get(key)?.disconnected ?? false
  }

  failed(key: string, nowMs: number, disconnected: boolean): void {
    const step = this.#steps.get(key)
    // Several requests that failed together are one failure.
    if (step && nowMs < step.untilMs) return
    const failures = (step?.failures ?? 0) + 1
    const pauseMs = Math.min(backoffFirstMs * 2 ** (failures - 1), backoffMsMax)
    this.#steps.delete(key)
    if (this.#steps.size >= backoffKeysMax) {
      const [oldest] = this.#steps.keys()
      if (oldest !== undefined) this.#steps.delete(oldest)
    }
    this.#steps.set(key, { failures, untilMs: nowMs + pauseMs, disconnected })
  }

  succeeded(key: string): void {
    this.#steps.delete(key)
  }
}
