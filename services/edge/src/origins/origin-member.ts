import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { Breaker, type BreakerRules, type BreakerState } from './breaker.ts'
import type { Origin, OriginExchange, OriginRequest, OriginSink } from './origin.ts'

/** How many requests one origin may have, and how many may wait for their turn. */
export interface MemberLimits {
  readonly connectionsMax: number
  readonly queueMax: number
  readonly queueMs: number
}

/** What an origin is like now. */
export interface MemberFigures {
  /** Host and port. */
  readonly name: string
  readonly state: BreakerState
  /** What its health check says; true where there is none. */
  readonly healthy: boolean
  readonly active: number
  readonly queued: number
  readonly requests: number
  readonly failures: number
  /** Requests refused because the queue was full or the wait too long. */
  readonly refused: number
}

interface Waiting {
  readonly start: () => void
  readonly timer: Timer
}

/** One origin of a site: its connections, those who wait for one, its breaker and its health. */
export class OriginMember {
  /** Host and port. */
  readonly name: string
  readonly url: string
  readonly breaker: Breaker
  /** Said by the health check. */
  healthy = true
  readonly #origin: Origin
  readonly #limits: MemberLimits
  readonly #clock: Clock
  readonly #queue = new Set<Waiting>()
  #active = 0
  #requests = 0
  #failures = 0
  #refused = 0

  constructor(
    url: string,
    origin: Origin,
    rules: { readonly limits: MemberLimits; readonly breaker: BreakerRules },
    clock: Clock,
  ) {
    this.url = url
    this.name = new URL(url).host
    this.#origin = origin
    this.#limits = rules.limits
    this.#clock = clock
    this.breaker = new Breaker(rules.breaker, () => clock.elapsed())
  }

  get figures(): MemberFigures {
    return {
      name: this.name,
      state: this.breaker.state,
      healthy: this.healthy,
      active: this.#active,
      queued: this.#queue.size,
      requests: this.#requests,
      failures: this.#failures,
      refused: this.#refused,
    }
  }

  /** Sends `request` once a connection is free; fails with `overloaded` where too many wait. */
  send(request: OriginRequest, sink: OriginSink): OriginExchange {
    if (this.#active < this.#limits.connectionsMax) return this.#start(request, sink)
    let exchange: OriginExchange | undefined
    let gone = false
    if (this.#queue.size >= this.#limits.queueMax) {
      this.#refused++
      queueMicrotask(() => {
        if (!gone) sink.fail(tooBusy(`${this.#queue.size} requests wait for the origin`))
      })
      return { pause() {}, resume() {}, abort: () => void (gone = true) }
    }
    const waiting: Waiting = {
      start: () => {
        waiting.timer.cancel()
        exchange = this.#start(request, sink)
      },
      timer: this.#clock.after(this.#limits.queueMs, () => {
        this.#queue.delete(waiting)
        this.#refused++
        sink.fail(tooBusy(`no connection to the origin was free for ${this.#limits.queueMs} ms`))
      }),
    }
    this.#queue.add(waiting)
    return {
      pause: () => exchange?.pause(),
      resume: () => exchange?.resume(),
      abort: () => {
        waiting.timer.cancel()
        this.#queue.delete(waiting)
        exchange?.abort()
      },
    }
  }

  /** Asks past breaker, queue and counters: the health check's way. */
  probe(request: OriginRequest, sink: OriginSink): OriginExchange {
    return this.#origin.send(request, sink)
  }

  close(): Promise<void> {
    for (const { timer } of this.#queue) timer.cancel()
    this.#queue.clear()
    return this.#origin.close()
  }

  #start(request: OriginRequest, sink: OriginSink): OriginExchange {
    const { breaker } = this
    let open = true
    let headed = false
    const done = (): void => {
      if (!open) return
      open = false
      this.#active--
      const [next] = this.#queue
      if (next) {
        this.#queue.delete(next)
        next.start()
      }
    }
    this.#active++
    this.#requests++
    breaker.began()
    sink.chosen?.(this.name)
    const exchange = this.#origin.send(request, {
      interim: (status, headers) => sink.interim(status, headers),
      head: (status, headers) => {
        headed = true
        breaker.answered(status >= 500)
        sink.head(status, headers)
      },
      data: (chunk) => sink.data(chunk),
      end: () => {
        done()
        sink.end()
      },
      fail: (fault) => {
        this.#failures++
        breaker.failed()
        done()
        sink.fail(fault)
      },
    })
    return {
      pause: () => exchange.pause(),
      resume: () => exchange.resume(),
      abort: () => {
        if (!headed) breaker.abandoned()
        exchange.abort()
        done()
      },
    }
  }
}

function tooBusy(message: string): Fault {
  return new Fault('overloaded', message, { retryAfterSeconds: 1 })
}
