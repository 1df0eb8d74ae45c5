import type { Tracer } from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { clientKey } from './client-address.ts'
import type { Handler, Request } from './exchange.ts'
import { decide, gcra, type Gcra, type Rate } from './gcra.ts'

/**
 * A rate limit per key, with a bounded table of keys.
 *
 * The table is in order of last use. When it is full the longest unused key goes. A key that is
 * idle is forgotten without loss: a new key starts equal to it. One that still owes time (`evictedLive`)
 * is forgiven its debt; that can only happen where more than `keysMax` clients are active at once.
 */

/** How to limit. */
export interface RateLimitOptions {
  readonly rate: Rate
  /** Requests that may come at once, >= 1. Default `rate.count`. */
  readonly burst?: number
  /** Most keys held. Default 100,000 (about 12 MB). */
  readonly keysMax?: number
  readonly clock: Clock
}

/** What the caller is told. */
export type RateDecision =
  | { readonly kind: 'allowed'; readonly remaining: number }
  | { readonly kind: 'limited'; readonly retryAfterMs: number }

/** Counts of a limiter. */
export interface RateCounters {
  allowed: number
  limited: number
  /** Keys forgotten while they still owed time. */
  evictedLive: number
}

/** Limits keys to a rate. */
export class RateLimiter {
  readonly counters: RateCounters = { allowed: 0, limited: 0, evictedLive: 0 }
  readonly rate: Rate
  readonly burst: number
  readonly keysMax: number
  readonly #rule: Gcra
  readonly #clock: Clock
  readonly #originMs: number
  /** TAT by key, longest unused first. */
  readonly #tats = new Map<string, number>()

  constructor(options: RateLimitOptions) {
    this.rate = options.rate
    this.burst = options.burst ?? options.rate.count
    this.keysMax = options.keysMax ?? 100_000
    this.#rule = gcra(this.rate, this.burst)
    this.#clock = options.clock
    this.#originMs = Math.floor(options.clock.elapsed())
  }

  /** Keys held now. */
  get keys(): number {
    return this.#tats.size
  }

  /** Takes `cost` from `key`, or says how long to wait. A refusal takes nothing. O(1). */
  take(key: string, cost = 1): RateDecision {
    const nowMs = Math.floor(this.#clock.elapsed()) - this.#originMs
    const decision = decide(this.#rule, this.#tats.get(key) ?? 0, nowMs, cost)
    if (decision.kind === 'limited') {
      this.counters.limited++
      return decision
    }
    // Out and in again: the map's order is the order of last use.
    if (!this.#tats.delete(key) && this.#tats.size >= this.keysMax) this.#evict(nowMs)
    this.#tats.set(key, decision.tat)
    this.counters.allowed++
    return decision
  }

  #evict(nowMs: number): void {
    for (const [key, tat] of this.#tats) {
      if (tat > nowMs * this.#rule.ticksPerMs) this.counters.evictedLive++
      this.#tats.delete(key)
      return
    }
  }

  /** Header lines `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10). */
  headers(decision: RateDecision): readonly string[] {
    const windowSeconds = Math.max(
      1,
      Math.ceil((this.burst * this.rate.perMs) / this.rate.count / 1000),
    )
    const remaining = decision.kind === 'allowed' ? decision.remaining : 0
    const waitMs =
      decision.kind === 'limited'
        ? decision.retryAfterMs
        : ((this.burst - remaining) * this.rate.perMs) / this.rate.count
    return [
      'ratelimit-policy',
      `"default";q=${this.burst};w=${windowSeconds}`,
      'ratelimit',
      `"default";r=${remaining};t=${Math.ceil(waitMs / 1000)}`,
    ]
  }

  /** Takes one from `key`; throws `Fault('rate_limited')` with `Retry-After` where it is limited. */
  require(key: string): void {
    const decision = this.take(key)
    if (decision.kind === 'limited') throw limitedFault(decision.retryAfterMs)
  }
}

/** The fault of a limited caller. `Retry-After` is in whole seconds, rounded up. */
export function limitedFault(retryAfterMs: number): Fault {
  const retryAfterSeconds = Math.max(1, Math.ceil(Math.min(retryAfterMs, 86_400_000) / 1000))
  return new Fault('rate_limited', `try again in ${retryAfterSeconds} s`, { retryAfterSeconds })
}

/** What a limited handler needs. */
export interface LimitedOptions {
  readonly limiter: RateLimiter
  /** Key of a request; undefined lets it pass uncounted. Default: the client's address (/64 for IPv6). */
  readonly keyOf?: (request: Request) => string | undefined
  /** Where given, each check is the span `rate_limit.check` with the attribute `allowed`. */
  readonly tracer?: Tracer
}

/** `handler` behind a rate limit; a refusal throws `Fault('rate_limited')` before it runs. */
export function limited(handler: Handler, options: LimitedOptions): Handler {
  const {
    limiter,
    keyOf = (request: Request) => clientKey(request.clientAddress),
    tracer,
  } = options
  return (request) => {
    const key = keyOf(request)
    if (key === undefined) return handler(request)
    const span = tracer?.startSpan('rate_limit.check', {}, request.context)
    const decision = limiter.take(key)
    span?.setAttribute('allowed', decision.kind === 'allowed')
    span?.end()
    if (decision.kind === 'limited') throw limitedFault(decision.retryAfterMs)
    return handler(request)
  }
}
