import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { BoundedQueue } from '@spate/runtime/queue'
import type { Request, Response } from './exchange.ts'
import { HeaderList } from './header-list.ts'

/**
 * Server-sent events (WHATWG HTML section 9.2). One hub is one topic with many subscribers.
 * A subscriber has a bounded queue; one that reads too slowly is dropped and counted, so that it
 * costs the others nothing. It reconnects by itself and says the last id it saw.
 */

/** One event. */
export interface SseEvent {
  /** Sent as it is where it is text, else as JSON. */
  readonly data: unknown
  /** Name of the event; `message` for the browser where absent. */
  readonly event?: string
  /** Comes back as `Last-Event-ID` after a reconnect. */
  readonly id?: string
}

/** Limits of a hub. */
export interface SseOptions {
  readonly clock: Clock
  /** Events one subscriber may lag behind. Default 256. */
  readonly queueMax?: number
  /** Subscribers at once; more are refused with 503. Default 1,000. */
  readonly subscribersMax?: number
  /** Silence after which a comment is sent so that proxies keep the connection, ms. Default 15,000. */
  readonly keepAliveMs?: number
}

/** What a hub has done. */
export interface SseCounters {
  published: number
  refused: number
  /** Subscribers dropped because their queue was full. */
  dropped: number
}

/** Sends events to all who listen. */
export class SseHub {
  readonly counters: SseCounters = { published: 0, refused: 0, dropped: 0 }
  readonly #options: Required<SseOptions>
  readonly #subscribers = new Set<Subscriber>()
  #closed = false

  constructor(options: SseOptions) {
    this.#options = { queueMax: 256, subscribersMax: 1000, keepAliveMs: 15_000, ...options }
  }

  /** Subscribers now. */
  get size(): number {
    return this.#subscribers.size
  }

  /**
   * A response that stays open; `first` are sent before anything else. Throws `overloaded` where
   * there are too many subscribers, `shutting_down` once closed. It ends when the client goes away,
   * the hub closes, or the subscriber lags by more than `queueMax`.
   */
  subscribe(
    request: Pick<Request, 'signal' | 'method'>,
    first: readonly SseEvent[] = [],
  ): Response {
    if (this.#closed) throw new Fault('shutting_down')
    if (request.method === 'HEAD') return { status: 200, headers: sseHeaders }
    if (this.#subscribers.size >= this.#options.subscribersMax) {
      this.counters.refused++
      throw new Fault('overloaded', 'too many subscribers', { retryAfterSeconds: 5 })
    }
    const subscriber = new Subscriber(this.#options, () => this.#subscribers.delete(subscriber))
    this.#subscribers.add(subscriber)
    if (request.signal.aborted) subscriber.end()
    request.signal.addEventListener('abort', () => subscriber.end(), { once: true })
    for (const event of first) if (!subscriber.offer(encodeEvent(event))) this.#drop(subscriber)
    return { status: 200, headers: sseHeaders, body: subscriber.frames() }
  }

  /** Sends `event` to every subscriber; encoded once. O(subscribers). */
  publish(event: SseEvent): void {
    this.counters.published++
    if (this.#subscribers.size === 0) return
    const frame = encodeEvent(event)
    for (const subscriber of this.#subscribers) if (!subscriber.offer(frame)) this.#drop(subscriber)
  }

  /** Ends every subscription; new ones are refused. */
  close(): void {
    this.#closed = true
    for (const subscriber of this.#subscribers) subscriber.end()
  }

  #drop(subscriber: Subscriber): void {
    this.counters.dropped++
    subscriber.end()
  }
}

/** Header lines of a stream of events. */
export const sseHeaders: readonly string[] = Object.freeze([
  'content-type',
  'text/event-stream; charset=utf-8',
  'cache-control',
  'no-store',
  // nginx and its like would hold events back.
  'x-accel-buffering',
  'no',
])

/** True where an answer with header lines `raw` (`name, value, ...`) is a stream of events. */
export function isEventStream(raw: readonly string[]): boolean {
  return /^text\/event-stream\b/i.test(new HeaderList(raw).get('content-type') ?? '')
}

/** Bytes of one event. A line break in `data` becomes a further `data:` line; in other fields, a space. */
export function encodeEvent(event: SseEvent): Uint8Array {
  const text = typeof event.data === 'string' ? event.data : (JSON.stringify(event.data) ?? 'null')
  const lines = text.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`)
  const name = event.event === undefined ? '' : `event: ${oneLine(event.event)}\n`
  const id = event.id === undefined ? '' : `id: ${oneLine(event.id)}\n`
  return Buffer.from(`${name}${id}${lines.join('')}\n`)
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]/g, ' ').replaceAll('\0', ' ')
}

/** A comment: it keeps a silent connection open and is no event. */
export const sseKeepAlive: Uint8Array = Buffer.from(': keep-alive\n\n')

class Subscriber {
  readonly #queue: BoundedQueue<Uint8Array>
  readonly #leave: () => void
  readonly #timer: Timer
  #wake: (() => void) | undefined
  #ended = false

  constructor(options: Required<SseOptions>, leave: () => void) {
    this.#queue = new BoundedQueue(options.queueMax)
    this.#leave = leave
    // Only into an empty queue: a slow reader needs no comment to keep the connection alive.
    this.#timer = options.clock.every(options.keepAliveMs, () => {
      if (this.#queue.size === 0) this.offer(sseKeepAlive)
    })
  }

  /** False where the queue is full. */
  offer(frame: Uint8Array): boolean {
    if (this.#ended) return true
    const taken = this.#queue.push(frame)
    this.#wake?.()
    return taken
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#timer.cancel()
    this.#leave()
    this.#wake?.()
  }

  async *frames(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const frames = this.#queue.take(64)
        if (frames.length > 0)
          yield frames.length === 1 ? (frames[0] as Uint8Array) : Buffer.concat(frames)
        else if (this.#ended) return
        else await new Promise<void>((resolve) => (this.#wake = resolve))
        this.#wake = undefined
      }
    } finally {
      this.end()
    }
  }
}
