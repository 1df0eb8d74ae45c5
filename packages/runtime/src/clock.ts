/**
 * Time as a port. Every room takes a `Clock`, so a test or a simulation can own time.
 * This file and `virtual-clock.ts` are the only places that read the machine's clock or start a timer.
 */

/** A pending task; `cancel()` is idempotent and does nothing once the task has run. */
export interface Timer {
  cancel(): void
}

/** Reads time and runs tasks later. */
export interface Clock {
  /** Wall time: whole ms since the Unix epoch. May jump; use it for stamps, never for durations. */
  now(): number
  /** Monotonic time in ms with a fraction, from an arbitrary origin. Use it for durations. */
  elapsed(): number
  /** Runs `task` once, `delayMs` (>= 0) from now. Does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer
  /** Runs `task` every `intervalMs` (> 0) until cancelled. Does not keep the process alive. */
  every(intervalMs: number, task: () => void): Timer
  /** Resolves after `delayMs`; rejects with `signal.reason` if the signal aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

/** Longest delay a platform timer takes; longer ones would fire at once. */
export const delayMsMax = 2_147_483_647

const clamp = (delayMs: number): number => Math.min(Math.max(0, delayMs), delayMsMax)

// `process.hrtime` reads the same clock as `performance.now`, in half the time: two readings a request
// are a good part of what telemetry costs. Both count from the origin of `performance`.
const { hrtime } = process
const [originMs, [originSeconds, originNanos]] = origin()

/** One moment on both timelines; the best of a few tries, since the process may be held up between two readings. */
function origin(): readonly [ms: number, reading: readonly [number, number]] {
  let best = Number.POSITIVE_INFINITY
  let found: readonly [number, readonly [number, number]] = [0, [0, 0]]
  for (let attempt = 0; attempt < 20; attempt++) {
    const before = performance.now()
    const reading = hrtime()
    const after = performance.now()
    if (after - before >= best) continue
    best = after - before
    found = [(before + after) / 2, reading]
  }
  return found
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed() {
    const reading = hrtime()
    return originMs + (reading[0] - originSeconds) * 1000 + (reading[1] - originNanos) / 1_000_000
  },
  after(delayMs, task) {
    const handle = setTimeout(task, clamp(delayMs))
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
  every(intervalMs, task) {
    const handle = setInterval(task, clamp(intervalMs))
    handle.unref()
    return { cancel: () => clearInterval(handle) }
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const stop = (): void => {
        clearTimeout(handle)
        reject(signal?.reason)
      }
      // Unlike `after`, a sleeper is awaited by somebody, so it does keep the process alive.
      const handle = setTimeout(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }, clamp(delayMs))
      signal?.addEventListener('abort', stop, { once: true })
    })
  },
}
