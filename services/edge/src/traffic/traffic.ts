/**
 * What the traffic of a node looks like now. Counts, body bytes and different clients are taken of
 * every request; durations and top lists, which cost a microsecond, of at most `detailedPerSecond`:
 * above that of one request in N, drawn by chance, with the weight N.
 */
import type { Answered, Request } from '@spate/http/exchange'
import type { Chance } from '@spate/runtime/chance'
import type { Clock, Timer } from '@spate/runtime/clock'
import type { CacheResult } from '../domain/cache-result.ts'
import { hashOf } from '../domain/distinct-count.ts'
import { placeOfResult } from '../domain/traffic-slot.ts'
import { pathKey } from '../domain/traffic-view.ts'
import { fineMs, TrafficWindow, type WindowView } from '../domain/traffic-window.ts'
import { edgeRoute } from '../answers.ts'
import { RequestLog } from './request-log.ts'
import { agentOf, fromStore, keptPath, resultOf, shownClient } from './seen-request.ts'

/** Requests a second that are looked at closely. */
export const detailedPerSecond = 2000

/** What is counted since the start, for metrics. */
export interface TrafficTotals {
  /** Answers that said 5xx. */
  errors: number
  requests: number
  /** Body bytes sent by what the cache did. */
  readonly bytes: Record<CacheResult, number>
}

/** What traffic is watched with. */
export interface TrafficParts {
  readonly clock: Clock
  readonly chance: Chance
  /** Secret of the hash by which clients are counted; one for all whose counts are merged. */
  readonly seed: number
  /** Show addresses of clients whole, not their networks. */
  readonly wholeAddresses: boolean
  /** Makes the span of a request that was answered from the store and whose trace is kept. */
  readonly hitSpan: (request: Request, result: CacheResult) => void
}

/** Watches the answers of a node. */
export class Traffic {
  readonly log: RequestLog
  readonly totals: TrafficTotals = {
    errors: 0,
    requests: 0,
    bytes: { hit: 0, stale: 0, miss: 0, pass: 0, none: 0 },
  }
  readonly #window: TrafficWindow
  readonly #clock: Clock
  readonly #chance: Chance
  readonly #seed: number
  readonly #wholeAddresses: boolean
  readonly #hitSpan: TrafficParts['hitSpan']
  readonly #timers: readonly Timer[]
  /** One request in so many is looked at closely. */
  #every = 1
  #untilNext = 1
  #lookedAt = 0
  #seen = 0

  constructor({ clock, chance, seed, wholeAddresses, hitSpan }: TrafficParts) {
    this.#clock = clock
    this.#chance = chance
    this.#seed = seed
    this.#wholeAddresses = wholeAddresses
    this.#hitSpan = hitSpan
    this.log = new RequestLog(clock, wholeAddresses)
    this.#window = new TrafficWindow(clock.elapsed())
    this.#timers = [
      clock.every(1000, () => this.#second()),
      clock.every(fineMs, () => this.#window.roll(clock.elapsed())),
    ]
  }

  /** Hears of each answer; those that are not the cache's (health, metrics) are no traffic. */
  readonly answered: Answered = (request, answer, bytes, sampled) => {
    if (answer.route !== edgeRoute && answer.route !== undefined) return
    const result = resultOf(answer)
    const slot = this.#window.current
    slot.count(answer.status, placeOfResult[result], bytes)
    slot.clients.add(hashOf(request.clientAddress, this.#seed))
    const { totals } = this
    totals.requests++
    totals.bytes[result] += bytes
    if (answer.status >= 500) totals.errors++
    this.#seen++
    if (--this.#untilNext === 0) this.#look(request)
    if (sampled && fromStore(answer)) this.#hitSpan(request, result)
    if (this.log.followed) this.log.tell(request, answer, bytes)
  }

  /** What the last `seconds` saw. */
  over(seconds: number): WindowView {
    return this.#window.over(seconds, this.#clock.elapsed())
  }

  close(): void {
    this.log.close()
    for (const timer of this.#timers) timer.cancel()
  }

  #look(request: Request): void {
    const weight = this.#every
    const { current: slot } = this.#window
    slot.detailed++
    slot.durations.add(this.#clock.elapsed() - request.arrivedMs, weight)
    const { paths, clients, agents } = slot.tops
    paths.add(pathKey(request.secure, request.host, keptPath(request.path)), weight)
    clients.add(shownClient(request, this.#wholeAddresses), weight)
    const agent = agentOf(request)
    if (agent !== '') agents.add(agent, weight)
    // A second that brings more than the one before it is looked at ever more seldom.
    if (++this.#lookedAt > detailedPerSecond) {
      this.#every *= 2
      this.#lookedAt = detailedPerSecond / 2
    }
    // 1 to 2N - 1, by chance: N on average, and in step with no pattern of the requests.
    this.#untilNext = this.#every === 1 ? 1 : this.#chance.integer(1, 2 * this.#every - 1)
  }

  #second(): void {
    this.#every = Math.max(1, Math.ceil(this.#seen / detailedPerSecond))
    this.#seen = 0
    this.#lookedAt = 0
    this.#untilNext = Math.min(this.#untilNext, this.#every)
  }
}
