import type { Clock, Timer } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { encodeServed, type ServedList } from './domain/rank/served-list.ts'
import { topics, type Publish } from './ingest.ts'

/** What the log of served lists stands on. */
export interface ServedLogOptions {
  readonly publish: Publish
  readonly clock: Clock
  readonly log: Log
  /** Lists written a second at most; the share that is written is a fair sample in time. */
  readonly perSecondMax: number
}

/** Lists that wait to be written at most. */
const waitingMax = 2000
/** Time lists are gathered for, ms. */
const gatherMs = 50

/**
 * Writes served lists to the event log, in batches and after the answer has left: nobody waits for
 * it. What is too much, or what the log refuses, is counted and left out.
 */
export class ServedLog {
  readonly counters: { written: number; left: number } = { written: 0, left: 0 }
  readonly #options: ServedLogOptions
  #waiting: ServedList[] = []
  #tokens: number
  #filledMs: number
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(options: ServedLogOptions) {
    this.#options = options
    this.#tokens = options.perSecondMax
    this.#filledMs = options.clock.elapsed()
  }

  /** True where a list served now will be written; asked before features are gathered for it. */
  admits(): boolean {
    const { clock, perSecondMax } = this.#options
    const nowMs = clock.elapsed()
    this.#tokens = Math.min(
      perSecondMax,
      this.#tokens + ((nowMs - this.#filledMs) / 1000) * perSecondMax,
    )
    this.#filledMs = nowMs
    if (this.#tokens < 1 || this.#waiting.length >= waitingMax) {
      this.counters.left++
      return false
    }
    this.#tokens--
    return true
  }

  /** Takes a list; it is written soon. */
  record(list: ServedList): void {
    this.#waiting.push(list)
    this.#timer ??= this.#options.clock.after(gatherMs, () => this.#flush())
  }

  /** Writes what waits; resolves when it is durable or refused. */
  async close(): Promise<void> {
    this.#flush()
    await this.#writing
  }

  #flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const lists = this.#waiting
    if (lists.length === 0) return
    this.#waiting = []
    this.#writing = this.#writing.then(() => this.#write(lists))
  }

  /** Never rejects. */
  async #write(lists: readonly ServedList[]): Promise<void> {
    const { publish, log } = this.#options
    try {
      await publish(
        topics.served,
        lists.map((list) => ({ key: list.userId, value: encodeServed(list) })),
      )
      this.counters.written += lists.length
    } catch (caught) {
      this.counters.left += lists.length
      log.warn('served lists could not be written', {
        lists: lists.length,
        error: errorText(caught),
      })
    }
  }
}
