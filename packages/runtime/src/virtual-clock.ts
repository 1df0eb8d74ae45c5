import type { Clock, Timer } from './clock.ts'

interface Task {
  readonly dueMs: number
  readonly order: number
  readonly run: () => void
  readonly repeatMs: number | undefined
  readonly handle: { cancelled: boolean }
}

/**
 * A clock that stands still until told to move: for tests and seeded simulation.
 * Tasks run in order of due time, then of registration, so a run is a pure function of its calls.
 */
export class VirtualClock implements Clock {
  #nowMs: number
  #order = 0
  #tasks: Task[] = []

  /** `startMs`: the first wall time, ms since the Unix epoch. */
  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs
  }

  now(): number {
    return Math.floor(this.#nowMs)
  }

  elapsed(): number {
    return this.#nowMs
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#schedule(Math.max(0, delayMs), task, undefined)
  }

  every(intervalMs: number, task: () => void): Timer {
    return this.#schedule(intervalMs, task, Math.max(1, intervalMs))
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const timer = this.after(delayMs, resolve)
      signal?.addEventListener('abort', () => {
        timer.cancel()
        reject(signal.reason)
      })
    })
  }

  /** Moves time on by `durationMs`, running what falls due on the way. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs
    for (let task = this.#nextDue(untilMs); task; task = this.#nextDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, task.dueMs)
      if (task.repeatMs !== undefined) this.#push(task.dueMs + task.repeatMs, task)
      task.run()
    }
    this.#nowMs = untilMs
  }

  /** Like `advance`, but lets promises settle between tasks: for code that awaits. */
  async advanceAsync(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs
    await settle()
    for (let task = this.#nextDue(untilMs); task; task = this.#nextDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, task.dueMs)
      if (task.repeatMs !== undefined) this.#push(task.dueMs + task.repeatMs, task)
      task.run()
      await settle()
    }
    this.#nowMs = untilMs
  }

  /** Sets wall time without running anything: a clock that was corrected under us. */
  jump(toMs: number): void {
    this.#nowMs = toMs
  }

  /** Number of tasks that still wait. */
  get pending(): number {
    return this.#tasks.reduce((count, task) => count + (task.handle.cancelled ? 0 : 1), 0)
  }

  #schedule(delayMs: number, run: () => void, repeatMs: number | undefined): Timer {
    const handle = { cancelled: false }
    const guarded = (): void => {
      if (!handle.cancelled) run()
    }
    this.#tasks.push({
      dueMs: this.#nowMs + delayMs,
      order: this.#order++,
      run: guarded,
      repeatMs,
      handle,
    })
    return {
      cancel: () => {
        handle.cancelled = true
      },
    }
  }

  #push(dueMs: number, task: Task): void {
    this.#tasks.push({ ...task, dueMs, order: this.#order++ })
  }

  #nextDue(untilMs: number): Task | undefined {
    this.#tasks = this.#tasks.filter((task) => !task.handle.cancelled)
    let best: Task | undefined
    for (const task of this.#tasks) {
      if (task.dueMs > untilMs) continue
      if (
        !best ||
        task.dueMs < best.dueMs ||
        (task.dueMs === best.dueMs && task.order < best.order)
      )
        best = task
    }
    if (best) this.#tasks.splice(this.#tasks.indexOf(best), 1)
    return best
  }
}

/** Lets every promise reaction that is ready run, and those they make ready. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
