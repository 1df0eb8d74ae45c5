import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { BoundedQueue } from '@spate/runtime/queue'
import { ConcurrencyLimit, type ConcurrencyOptions } from './concurrency-limit.ts'
import type { Handler, PreparedResponse, Request, Response } from './exchange.ts'

/**
 * Who may work now. Requests past the limit wait in a short queue or are refused at once, so that
 * those that are let in finish in time: under a flood a fast no is worth more than a late yes.
 *
 * - The limit follows latency (`concurrency-limit`).
 * - Three classes. Lower ones may use only a share of the limit, and leave the queue last.
 * - The queue is bounded in length, and in time by controlled delay (Nichols and Jacobson 2012, as
 *   in Maurer, "Fail at Scale", ACM Queue 2015): normally `queueMsMax`; but once it has not been
 *   empty for `queueMsMax`, only `queueMsBusy`, because then waiting helps nobody.
 */

/** From most to least important. */
export const priorities = ['critical', 'normal', 'background'] as const

/** Class of a request. */
export type Priority = (typeof priorities)[number]

/** Part of the limit each class may use. */
const shares: Readonly<Record<Priority, number>> = { critical: 1, normal: 0.95, background: 0.6 }

/** How to admit. */
export interface AdmissionOptions {
  readonly clock: Clock
  readonly concurrency?: Partial<ConcurrencyOptions>
  /** Most requests that wait, all classes together. Default 256; 0 refuses at once. */
  readonly queueMax?: number
  /** Longest wait, ms. Default 100. */
  readonly queueMsMax?: number
  /** Longest wait while the queue does not drain, ms. Default 5. */
  readonly queueMsBusy?: number
}

/** What an admission has done. */
export interface AdmissionCounters {
  admitted: number
  queued: number
  /** Refused at once: the queue was full. */
  refused: number
  /** Refused after waiting too long, or pushed out by a higher class. */
  dropped: number
}

/** How a request ended: `ignored` tells the limit nothing (it was answered without work). */
export type Ending = 'ok' | 'failed' | 'ignored'

/** Leave to work. */
export interface Pass {
  /** Gives the place back; further calls do nothing. */
  release(ending: Ending): void
}

/** Who asks to be let in. */
export interface Applicant {
  readonly admit: (pass: Pass) => void
  readonly refuse: (fault: Fault) => void
}

interface Waiter extends Applicant {
  readonly sinceMs: number
  /** True once it was admitted, refused, or its client went away. */
  gone: boolean
}

/** Lets requests in. */
export class Admission {
  readonly counters: AdmissionCounters = { admitted: 0, queued: 0, refused: 0, dropped: 0 }
  readonly #clock: Clock
  readonly #limit: ConcurrencyLimit
  readonly #queues: Readonly<Record<Priority, BoundedQueue<Waiter>>>
  readonly #queueMax: number
  readonly #queueMsMax: number
  readonly #queueMsBusy: number
  #inflight = 0
  #waiting = 0
  /** When the queue was last empty. */
  #emptyAtMs: number
  #watching = false

  constructor(options: AdmissionOptions) {
    this.#clock = options.clock
    const nowMs = options.clock.elapsed()
    this.#limit = new ConcurrencyLimit(nowMs, options.concurrency)
    this.#emptyAtMs = nowMs
    this.#queueMax = options.queueMax ?? 256
    this.#queueMsMax = options.queueMsMax ?? 100
    this.#queueMsBusy = options.queueMsBusy ?? 5
    const queue = (): BoundedQueue<Waiter> => new BoundedQueue(Math.max(1, this.#queueMax))
    this.#queues = { critical: queue(), normal: queue(), background: queue() }
  }

  /** Requests that may work at once now. */
  get limit(): number {
    return this.#limit.limit
  }

  /** Requests that work now. */
  get inflight(): number {
    return this.#inflight
  }

  /** Requests that wait now. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Leave to work: at once where there is room, else a promise of it.
   * Throws or rejects with `overloaded` and Retry-After; `cancelled` where the signal aborts
   * first; it is asked for only where the request has to wait.
   */
  enter(priority: Priority, signalOf?: () => AbortSignal): Pass | Promise<Pass> {
    if (this.#waiting === 0 && this.#hasRoom(priority)) return this.#pass()
    return new Promise((admit, refuse) => {
      this.ask(priority, { admit, refuse }, signalOf?.())
    })
  }

  /** The same by callbacks, one of which is called once, at once where there is room or no hope. */
  ask(priority: Priority, applicant: Applicant, signal?: AbortSignal): void {
    if (this.#waiting === 0 && this.#hasRoom(priority)) return applicant.admit(this.#pass())
    if (signal?.aborted) return applicant.refuse(new Fault('cancelled'))
    this.#sweep()
    if (this.#waiting >= this.#queueMax && !this.#pushOut(priority)) {
      this.counters.refused++
      return applicant.refuse(overloaded())
    }
    this.#wait(priority, applicant, signal)
  }

  #hasRoom(priority: Priority): boolean {
    return this.#inflight < Math.max(1, this.#limit.limit * shares[priority])
  }

  #pass(): Pass {
    this.counters.admitted++
    this.#inflight++
    const startMs = this.#clock.elapsed()
    let held = true
    return {
      release: (ending) => {
        if (!held) return
        held = false
        const nowMs = this.#clock.elapsed()
        if (ending !== 'ignored')
          this.#limit.sample(nowMs - startMs, this.#inflight, nowMs, ending === 'failed')
        this.#inflight--
        this.#serve()
      },
    }
  }

  #wait(priority: Priority, applicant: Applicant, signal: AbortSignal | undefined): void {
    const leave = (): void => this.#leave(waiter, new Fault('cancelled'))
    const settle = (): void => signal?.removeEventListener('abort', leave)
    const waiter: Waiter = {
      sinceMs: this.#clock.elapsed(),
      admit: (pass) => {
        settle()
        applicant.admit(pass)
      },
      refuse: (fault) => {
        settle()
        applicant.refuse(fault)
      },
      gone: false,
    }
    signal?.addEventListener('abort', leave, { once: true })
    if (this.#waiting === 0) this.#emptyAtMs = waiter.sinceMs
    this.#compact(priority)
    this.#queues[priority].push(waiter)
    this.#waiting++
    this.counters.queued++
    this.#watch()
    this.#serve()
  }

  #leave(waiter: Waiter, fault: Fault): void {
    if (waiter.gone) return
    waiter.gone = true
    this.#waiting--
    if (this.#waiting === 0) this.#emptyAtMs = this.#clock.elapsed()
    waiter.refuse(fault)
  }

  /** Admits from the queues while there is room, highest class first. */
  #serve(): void {
    this.#sweep()
    for (const priority of priorities) {
      while (this.#waiting > 0 && this.#hasRoom(priority)) {
        const waiter = this.#next(priority)
        if (!waiter) break
        waiter.gone = true
        this.#waiting--
        if (this.#waiting === 0) this.#emptyAtMs = this.#clock.elapsed()
        waiter.admit(this.#pass())
      }
    }
  }

  #next(priority: Priority): Waiter | undefined {
    this.#compact(priority)
    return this.#queues[priority].shift()
  }

  /** Lets go of waiters at the head that have left already. */
  #compact(priority: Priority): void {
    const queue = this.#queues[priority]
    while (queue.peek()?.gone) queue.shift()
    // Full of waiters that left from the middle: rare, so O(queue) is fine.
    if (queue.full)
      for (const waiter of queue.take(queue.size)) if (!waiter.gone) queue.push(waiter)
  }

  /** Refuses those that waited too long: first in, first out, so the oldest stand in front. */
  #sweep(): void {
    if (this.#waiting === 0) return
    const nowMs = this.#clock.elapsed()
    const busy = nowMs - this.#emptyAtMs > this.#queueMsMax
    const mostMs = busy ? this.#queueMsBusy : this.#queueMsMax
    for (const priority of priorities) {
      for (;;) {
        this.#compact(priority)
        const waiter = this.#queues[priority].peek()
        if (!waiter || nowMs - waiter.sinceMs < mostMs) break
        this.counters.dropped++
        this.#leave(waiter, overloaded())
      }
    }
  }

  /** Makes room for `priority` by refusing one that waits in a lower class; false where there is none. */
  #pushOut(priority: Priority): boolean {
    for (const lower of priorities.toReversed()) {
      if (lower === priority) return false
      const waiter = this.#next(lower)
      if (!waiter) continue
      this.counters.dropped++
      this.#leave(waiter, overloaded())
      return true
    }
    return false
  }

  /** Sweeps on time while anyone waits, even where nothing finishes. */
  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#clock.after(Math.max(1, this.#queueMsBusy), () => {
      this.#watching = false
      this.#sweep()
      if (this.#waiting > 0) this.#watch()
    })
  }
}

function overloaded(): Fault {
  return new Fault('overloaded', undefined, { retryAfterSeconds: 1 })
}

/** How to put a handler behind an admission. */
export interface AdmittedOptions {
  readonly admission: Admission
  /** Class of a request; undefined lets it pass uncounted (health, metrics). Default `normal`. */
  readonly priorityOf?: (request: Request) => Priority | undefined
}

/**
 * `handler` behind `options.admission`. An answer given without a promise tells the limit nothing:
 * it cost no waiting. Status 503 and 504 count as failed.
 */
export function admitted(handler: Handler, options: AdmittedOptions): Handler {
  const { admission, priorityOf = () => 'normal' } = options
  const run = (request: Request, pass: Pass): ReturnType<Handler> => {
    let answer: ReturnType<Handler>
    try {
      answer = handler(request)
    } catch (caught) {
      pass.release('ignored')
      throw caught
    }
    if (!(answer instanceof Promise)) {
      pass.release('ignored')
      return answer
    }
    return finish(answer, pass)
  }
  return (request) => {
    const priority = priorityOf(request)
    if (priority === undefined) return handler(request)
    const pass = admission.enter(priority, () => request.signal)
    return pass instanceof Promise ? pass.then((given) => run(request, given)) : run(request, pass)
  }
}

async function finish(
  answer: Promise<Response | PreparedResponse>,
  pass: Pass,
): Promise<Response | PreparedResponse> {
  try {
    const settled = await answer
    pass.release(settled.status === 503 || settled.status === 504 ? 'failed' : 'ok')
    return settled
  } catch (caught) {
    const { status } = Fault.from(caught)
    pass.release(status === 503 || status === 504 ? 'failed' : status === 499 ? 'ignored' : 'ok')
    throw caught
  }
}
