import type { PreparedResponse, Request, Response } from '@spate/http/exchange'
import { encodeEvent, sseHeaders, sseKeepAlive } from '@spate/http/sse'
import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { BoundedQueue } from '@spate/runtime/queue'
import type { LogRecord } from '../domain/log-filter.ts'
import { recordOf } from './seen-request.ts'

/** Who may follow the log at once; more are refused with 503. */
export const followersMax = 16
/** Records that may wait for one follower. */
export const followerQueueMax = 1024
/** Records a second one follower is told; the rest is counted and told as a number. */
export const recordsPerSecondMax = 2000
const keepAliveMs = 15_000

/**
 * The log of requests, for whoever follows it now; nothing is kept. What a follower misses, because
 * it reads too slowly or there is more than `recordsPerSecondMax`, it is told the number of, in the
 * stream: `event: dropped`.
 */
export class RequestLog {
  readonly #clock: Clock
  readonly #wholeAddresses: boolean
  readonly #followers = new Set<Follower>()
  #timer: Timer | undefined
  #closed = false

  constructor(clock: Clock, wholeAddresses: boolean) {
    this.#clock = clock
    this.#wholeAddresses = wholeAddresses
  }

  /** True while somebody follows. */
  get followed(): boolean {
    return this.#followers.size > 0
  }

  /** A response that stays open. Throws `overloaded` where too many follow, `shutting_down` once closed. */
  follow(request: Request, matches: (record: LogRecord) => boolean): Response {
    if (this.#closed) throw new Fault('shutting_down')
    if (request.method === 'HEAD') return { status: 200, headers: sseHeaders }
    if (this.#followers.size >= followersMax)
      throw new Fault('overloaded', `${followersMax} follow the log already`, {
        retryAfterSeconds: 5,
      })
    const follower = new Follower(matches, () => this.#leave(follower))
    this.#followers.add(follower)
    this.#timer ??= this.#clock.every(1000, () => {
      for (const each of this.#followers) each.second()
    })
    if (request.signal.aborted) follower.end()
    request.signal.addEventListener('abort', () => follower.end(), { once: true })
    return { status: 200, headers: sseHeaders, body: follower.frames() }
  }

  /** Tells the followers of a request. O(followers). */
  tell(request: Request, answer: Response | PreparedResponse, bytes: number): void {
    const record = recordOf(request, answer, {
      bytes,
      ms: this.#clock.elapsed() - request.arrivedMs,
      time: new Date(this.#clock.now()).toISOString(),
      wholeAddresses: this.#wholeAddresses,
    })
    for (const follower of this.#followers) follower.offer(record)
  }

  /** Ends all streams. */
  close(): void {
    this.#closed = true
    for (const follower of this.#followers) follower.end()
  }

  #leave(follower: Follower): void {
    this.#followers.delete(follower)
    if (this.#followers.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }
}

class Follower {
  readonly #queue = new BoundedQueue<LogRecord>(followerQueueMax)
  readonly #matches: (record: LogRecord) => boolean
  readonly #leave: () => void
  #left = recordsPerSecondMax
  #dropped = 0
  #told = 0
  #silentMs = 0
  #wake: (() => void) | undefined
  #ended = false

  constructor(matches: (record: LogRecord) => boolean, leave: () => void) {
    this.#matches = matches
    this.#leave = leave
  }

  offer(record: LogRecord): void {
    if (!this.#matches(record)) return
    if (this.#left === 0 || !this.#queue.push(record)) {
      this.#dropped++
      return
    }
    this.#left--
    this.#wake?.()
  }

  /** Called once a second: new records are let through, and what was dropped is told. */
  second(): void {
    this.#left = recordsPerSecondMax
    this.#silentMs += 1000
    if (this.#dropped > this.#told || this.#silentMs >= keepAliveMs) this.#wake?.()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#leave()
    this.#wake?.()
  }

  async *frames(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const frames = this.#next()
        if (frames.length > 0) {
          this.#silentMs = 0
          yield Buffer.concat(frames)
        } else if (this.#ended) return
        else await new Promise<void>((resolve) => (this.#wake = resolve))
        this.#wake = undefined
      }
    } finally {
      this.end()
    }
  }

  #next(): Uint8Array[] {
    const frames = this.#queue.take(64).map((data) => encodeEvent({ event: 'request', data }))
    if (this.#dropped > this.#told) {
      const data = { dropped: this.#dropped - this.#told, total: this.#dropped }
      this.#told = this.#dropped
      frames.push(encodeEvent({ event: 'dropped', data }))
    }
    if (frames.length === 0 && this.#silentMs >= keepAliveMs) frames.push(sseKeepAlive)
    return frames
  }
}
