import type { Handler } from '@spate/http/exchange'
import { limited } from '@spate/http/rate-limit'
import { rateLimiterOf, type RateLimitSettings } from '@spate/http/settings'
import type { Clock } from '@spate/runtime/clock'
import type { Telemetry } from '@spate/telemetry/telemetry'

/** What stands before the cache: the rate limit of now. */
export class TrafficGate {
  readonly #inner: Handler
  readonly #on: { readonly clock: Clock; readonly telemetry: Telemetry }
  #handler: Handler
  #taken = ''

  constructor(inner: Handler, on: { readonly clock: Clock; readonly telemetry: Telemetry }) {
    this.#inner = inner
    this.#on = on
    this.#handler = inner
  }

  readonly handle: Handler = (request) => this.#handler(request)

  /** Takes up `settings`; clients keep what they have used up where the limit is as before. */
  take({ rateLimit, rateBurst, rateKeysMax }: RateLimitSettings): void {
    const settings = { rateLimit, rateBurst, rateKeysMax }
    const taken = JSON.stringify(settings)
    if (taken === this.#taken) return
    this.#taken = taken
    const { clock, telemetry } = this.#on
    const limiter = rateLimiterOf(settings, clock)
    const { tracer } = telemetry
    this.#handler = limiter ? limited(this.#inner, { limiter, tracer }) : this.#inner
  }
}
