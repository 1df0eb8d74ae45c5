import type { Request, Response } from '@spate/http/exchange'
import { encodeEvent } from '@spate/http/sse'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'

/** One look at what is watched. */
export interface StreamLook {
  /** The event's data; a look with the same `key` as the one before is not sent. */
  readonly data: unknown
  readonly key: string
  /** True where nothing will change any more: the stream ends behind this event. */
  readonly last: boolean
}

const lookEveryMs = 500
const aliveEveryMs = 15_000
const headers: readonly string[] = Object.freeze([
  'content-type',
  'text/event-stream; charset=utf-8',
  'cache-control',
  'no-store',
  // nginx and its like would hold events back.
  'x-accel-buffering',
  'no',
])

/**
 * Server-sent events of one person each: what he watches is looked at twice a second and sent where
 * it changed. A client that reads slowly is asked less often; nothing queues up for it.
 */
export class QueueStreams {
  readonly #clock: Clock
  readonly #most: number
  readonly #closing = new AbortController()
  #open = 0

  /** `most`: streams at once; more are refused with `overloaded`. */
  constructor(clock: Clock, most: number) {
    this.#clock = clock
    this.#most = most
  }

  /** An answer that stays open until the last look, the client's leaving, or `close`. */
  answer(
    request: Pick<Request, 'signal'>,
    name: string,
    look: () => Promise<StreamLook>,
  ): Response {
    if (this.#closing.signal.aborted) throw new Fault('shutting_down')
    if (this.#open >= this.#most)
      throw new Fault('overloaded', 'too many people watch; poll instead', { retryAfterSeconds: 2 })
    this.#open++
    const signal = AbortSignal.any([request.signal, this.#closing.signal])
    const leave = (): void => void this.#open--
    return { status: 200, headers, body: this.#frames(name, look, signal, leave) }
  }

  /** Ends every stream; new ones are refused. */
  close(): void {
    this.#closing.abort()
  }

  async *#frames(
    name: string,
    look: () => Promise<StreamLook>,
    signal: AbortSignal,
    leave: () => void,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let sent = ''
    let sentMs = this.#clock.elapsed()
    try {
      while (!signal.aborted) {
        const { data, key, last } = await look()
        const nowMs = this.#clock.elapsed()
        if (key !== sent || last) {
          yield encodeEvent({ event: name, data })
          sentMs = nowMs
        } else if (nowMs - sentMs >= aliveEveryMs) {
          yield Buffer.from(': keep-alive\n\n')
          sentMs = nowMs
        }
        sent = key
        if (last) return
        await this.#clock.sleep(lookEveryMs, signal).catch(ignore)
      }
    } finally {
      leave()
    }
  }
}

/** A sleep cut short: the loop looks at the signal itself. */
const ignore = (): void => {}
