import type { Clock } from './clock.ts'
import { Fault } from './fault.ts'
import type { Log } from './log.ts'

/** A part of a program that is started and stopped. */
export interface Part {
  readonly name: string
  /** Rejects where the part cannot run; parts started before it are then stopped again. */
  start?(): Promise<void> | void
  /** Finishes what is under way and lets go of everything. `signal` aborts when the deadline is past. */
  stop?(signal: AbortSignal): Promise<void> | void
}

/** `created -> starting -> running -> draining -> stopped`; there is no way back. */
export type LifecycleState = 'created' | 'starting' | 'running' | 'draining' | 'stopped'

/** How to run the parts of a program. */
export interface LifecycleOptions {
  readonly clock: Clock
  readonly log: Log
  /** Time all parts together may take to stop, in ms. Default 10,000. */
  readonly drainMs?: number
}

/**
 * Starts parts in the order they were added and stops them in the opposite order, each once,
 * whoever asks and however often. A part that does not stop in time is named in the log and left.
 */
export class Lifecycle {
  readonly #options: LifecycleOptions
  readonly #parts: Part[] = []
  #started = 0
  #state: LifecycleState = 'created'
  #stopping: Promise<boolean> | undefined

  constructor(options: LifecycleOptions) {
    this.#options = options
  }

  get state(): LifecycleState {
    return this.#state
  }

  /** Adds `part` behind those already added; returns it. */
  add<P extends Part>(part: P): P {
    this.#parts.push(part)
    return part
  }

  /** Starts all parts in order. Where one fails, stops the others and throws what it threw. */
  async start(): Promise<void> {
    if (this.#state !== 'created') throw new Fault('conflict', `cannot start while ${this.#state}`)
    this.#state = 'starting'
    for (const part of this.#parts) {
      try {
        await part.start?.()
      } catch (caught) {
        await this.stop()
        throw caught
      }
      this.#started++
      if (this.#stopping)
        throw new Fault('shutting_down', `stopped while ${part.name} was starting`)
    }
    this.#state = 'running'
  }

  /** Stops all started parts, last first. Resolves to true where all stopped within the deadline. */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#drain()
    return this.#stopping
  }

  async #drain(): Promise<boolean> {
    const { clock, log, drainMs = 10_000 } = this.#options
    this.#state = 'draining'
    const deadline = new AbortController()
    let clean = true
    const timer = clock.after(drainMs, () =>
      deadline.abort(new Fault('shutting_down', 'the drain deadline is past')),
    )
    while (this.#started > 0) {
      const part = this.#parts[--this.#started]
      if (!part?.stop) continue
      try {
        const finished = await Promise.race([
          Promise.resolve(part.stop(deadline.signal)).then(() => true),
          aborted(deadline.signal),
        ])
        if (!finished) {
          clean = false
          log.warn('a part did not stop in time', { part: part.name, drainMs })
        }
      } catch (caught) {
        clean = false
        log.error('a part failed to stop', { part: part.name }, caught)
      }
    }
    timer.cancel()
    this.#state = 'stopped'
    return clean
  }
}

/** Resolves to false once `signal` aborts, after giving parts one more turn to notice. */
function aborted(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    const give = (): void => void setImmediate(() => resolve(false))
    if (signal.aborted) give()
    else signal.addEventListener('abort', give, { once: true })
  })
}

/** A program that runs: what `spate up` and the tests hold on to. */
export interface Running {
  readonly name: string
  /** Where it can be reached, by purpose: `{ traffic: 'http://127.0.0.1:8080', admin: ... }`. */
  readonly urls: Readonly<Record<string, string>>
  /** Takes up the settings as they are now; throws `settings_invalid` and changes nothing where they are bad. */
  reload?(): Promise<void>
  /** Starts the program anew behind its open ports; rejects, and goes on as it was, where the new one cannot run. */
  upgrade?(): Promise<unknown>
  /** Resolves when the program is done by itself; absent where it runs until it is stopped. */
  readonly over?: Promise<void>
  /** Drains and stops; resolves when everything is let go. */
  stop(): Promise<void>
}
