import type { Timer } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import { WorkerProcess, type CrewParts } from './worker-process.ts'

/** First pause before a worker that died is started again, ms; each death in a row doubles it. */
export const restartMs = 200
/** Longest such pause, ms. */
export const restartMsMax = 10_000

/** The place of one worker: who fills it now, and who comes after. */
export class Post {
  readonly index: number
  readonly #parts: CrewParts
  readonly #log: Log
  readonly #onEmpty: (post: Post) => void
  #current: WorkerProcess | undefined
  #next: WorkerProcess | undefined
  #deaths = 0
  #state: 'kept' | 'held' | 'closed' = 'kept'
  #timer: Timer | undefined

  /** `onEmpty` hears that nobody accepts here for a while. */
  constructor(index: number, parts: CrewParts, onEmpty: (post: Post) => void) {
    this.index = index
    this.#parts = parts
    this.#log = parts.log
    this.#onEmpty = onEmpty
  }

  /** Who is here; undefined while nobody answers. */
  get worker(): WorkerProcess | undefined {
    return this.#current?.ready && this.#current
  }

  get health(): { readonly ready: boolean; readonly detail: string } {
    return { ready: this.worker !== undefined, detail: `${this.#deaths} restarts` }
  }

  /** Who is here or about to be, ready or not. */
  get all(): readonly WorkerProcess[] {
    return [this.#current, this.#next].filter((each) => each !== undefined)
  }

  /** A process for this place that waits for its turn. */
  successor(): WorkerProcess {
    this.#next = new WorkerProcess(this.index, this.#parts)
    return this.#next
  }

  /** Fills the place; resolves once it answers. */
  async start(): Promise<void> {
    const next = new WorkerProcess(this.index, this.#parts)
    this.#current = next
    await next.prepared()
    await next.begin(false)
    this.take(next)
  }

  /** From here on `next`, which answers, is the one. */
  take(next: WorkerProcess): void {
    this.#current = next
    this.#next = undefined
    // Owner: this line.
    void next.exited.then((code) => {
      if (this.#current === next) this.#died(code)
    })
  }

  /** While an upgrade goes on nobody else is to take the folder. */
  hold(): void {
    this.#state = 'held'
    this.#timer?.cancel()
  }

  /** The upgrade is over: who died meanwhile is replaced. */
  letGo(): void {
    this.#next = undefined
    if (this.#state === 'closed') return
    this.#state = 'kept'
    // Owner: the post, which tries until it is closed.
    if (!this.worker) void this.#again()
  }

  async stop(): Promise<void> {
    this.#state = 'closed'
    this.#timer?.cancel()
    await Promise.all([this.#current?.stop(), this.#next?.stop('at once')])
  }

  #died(code: number | undefined): void {
    if (this.#state === 'closed') return
    this.#onEmpty(this)
    if (this.#state === 'held') return
    const { clock } = this.#parts
    const pauseMs = Math.min(restartMs * 2 ** this.#deaths++, restartMsMax)
    this.#log.error('a worker died and is started again', { worker: this.index, code, pauseMs })
    this.#timer = clock.after(pauseMs, () => void this.#again())
  }

  async #again(): Promise<void> {
    try {
      await this.start()
    } catch (caught) {
      this.#log.error('a worker did not start', { worker: this.index }, caught)
      await this.#current?.stop('at once')
      this.#died(undefined)
    }
  }
}
