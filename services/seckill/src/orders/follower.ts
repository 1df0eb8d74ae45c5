import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { FeedRecord, LedgerFeed } from '../ledger/ledger.ts'
import { isPoison } from './dead-letters.ts'

/** How far a follower has come: everything up to `record` is done. */
export interface FollowerPosition {
  readonly record: number
  /** Number of the last event done. */
  readonly sequence: number
  /** Orders made by the events done: the slot of the next one. */
  readonly slots: number
}

/** What follows the ledger's log. */
export interface FollowerOptions {
  readonly name: string
  readonly feed: LedgerFeed
  readonly clock: Clock
  readonly log: Log
  /** Longest time between an event becoming durable and the work on it, ms. */
  readonly everyMs: number
  /** Most bytes of log a step takes. */
  readonly bytesMax: number
  /** Where it stood when it last stopped. */
  readonly load: () => Promise<FollowerPosition>
  /** Does the work of `records` and keeps the position they lead to, in one step. */
  readonly apply: (
    records: readonly FeedRecord[],
    from: FollowerPosition,
  ) => Promise<FollowerPosition>
  /**
   * Does what can be done of a record whose work fails for good, puts the rest aside, and keeps the
   * position behind it. Absent: such a record is tried for ever.
   */
  readonly bury?: (record: FeedRecord, from: FollowerPosition) => Promise<FollowerPosition>
}

const backoffMsMax = 5000
/** Times that poison is tried before it is put aside. */
const triesMax = 3

/** Where a log begins. */
export const startPosition: FollowerPosition = { record: 0, sequence: 0, slots: 0 }

/**
 * Follows the ledger's durable log, in order, from where it stopped: the order store and the
 * outbox. A step that fails is tried again with growing pauses, for ever: nothing is skipped. Where it
 * fails for good, the record to blame is found and put aside, and the others go on.
 */
export class Follower {
  readonly #options: FollowerOptions
  readonly #stop = new AbortController()
  #position: FollowerPosition = startPosition
  #waiters: { record: number; done: () => void }[] = []
  #wake: (() => void) | undefined
  #running: Promise<void> | undefined
  #failures = 0
  /** Takes one record at a time: one of them is poison. */
  #careful = false
  #lastError = ''

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  /** Where it stands. */
  get position(): FollowerPosition {
    return this.#position
  }

  /** Durable records it has not done yet. */
  get behind(): number {
    return this.#options.feed.durableRecord - this.#position.record
  }

  /** Text of the last failure while steps fail; empty while they work. */
  get failure(): string {
    return this.#lastError
  }

  /** Begins to follow. */
  async start(): Promise<void> {
    this.#position = await this.#options.load()
    const unfollow = this.#options.feed.onDurable(() => this.#wake?.())
    this.#running = this.#run().finally(unfollow)
  }

  /** Resolves once everything durable now is done; rejects after `timeoutMs`. */
  async caughtUp(timeoutMs: number = 10_000): Promise<void> {
    const record = this.#options.feed.durableRecord
    if (this.#position.record >= record) return
    await new Promise<void>((resolve, reject) => {
      const timer = this.#options.clock.after(timeoutMs, () => {
        this.#waiters = this.#waiters.filter((one) => one !== waiter)
        reject(new Fault('store_unavailable', `${this.#options.name} is behind the ledger`))
      })
      const waiter = {
        record,
        done: () => {
          timer.cancel()
          resolve()
        },
      }
      this.#waiters.push(waiter)
      this.#wake?.()
    })
  }

  /** Does what is durable already, then stops. `signal` cuts that short. */
  async stop(signal?: AbortSignal): Promise<void> {
    if (!this.#running) return
    if (this.#lastError === '' && !signal?.aborted) await this.caughtUp(5000).catch(() => {})
    this.#stop.abort(new Fault('cancelled'))
    this.#wake?.()
    await this.#running
  }

  async #run(): Promise<void> {
    const { feed, bytesMax, everyMs } = this.#options
    while (!this.#stop.signal.aborted) {
      let records: readonly FeedRecord[] = []
      try {
        records = await feed.read(this.#position.record + 1, this.#careful ? 1 : bytesMax)
        if (records.length === 0) {
          await this.#idle()
          continue
        }
        this.#position = await this.#options.apply(records, this.#position)
        this.#done()
        // A pause lets events gather: larger steps cost less. Nobody waits for them, or we go on.
        if (this.#waiters.length === 0 && this.behind < 100) await this.#pause(everyMs)
      } catch (caught) {
        await this.#failed(caught)
        if (this.#failures >= triesMax && isPoison(caught)) await this.#putAside(records)
      }
    }
  }

  #done(): void {
    this.#failures = 0
    this.#lastError = ''
    this.#tell()
  }

  /** Narrows down to the record to blame, then puts it aside. */
  async #putAside(records: readonly FeedRecord[]): Promise<void> {
    const [record] = records
    const { bury } = this.#options
    if (!bury || !record || this.#stop.signal.aborted) return
    if (records.length > 1) {
      this.#careful = true
      this.#failures = 0
      return
    }
    try {
      this.#position = await bury(record, this.#position)
      this.#careful = false
      this.#done()
    } catch (caught) {
      await this.#failed(caught)
    }
  }

  #tell(): void {
    const { record } = this.#position
    const ready = this.#waiters.filter((waiter) => waiter.record <= record)
    if (ready.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => waiter.record > record)
    for (const { done } of ready) done()
  }

  async #idle(): Promise<void> {
    if (this.behind > 0 || this.#stop.signal.aborted) return
    await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#wake = undefined
    if (this.#waiters.length === 0) await this.#pause(this.#options.everyMs)
  }

  async #pause(ms: number): Promise<void> {
    await this.#options.clock.sleep(ms, this.#stop.signal).catch(() => {})
  }

  async #failed(caught: unknown): Promise<void> {
    if (this.#stop.signal.aborted) return
    const fault = Fault.from(caught, 'store_unavailable')
    this.#lastError = fault.message
    const { log, name, clock } = this.#options
    const pauseMs = Math.min(backoffMsMax, 50 * 2 ** this.#failures++)
    log.warn('a step failed and is tried again', { follower: name, pauseMs, error: fault.message })
    await clock.sleep(pauseMs, this.#stop.signal).catch(() => {})
  }
}
