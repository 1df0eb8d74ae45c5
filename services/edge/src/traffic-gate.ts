import type { Handler, Request } from '@spate/http/exchange'
import { limited } from '@spate/http/rate-limit'
import { rateLimiterOf, type RateLimitSettings } from '@spate/http/settings'
import type { Clock } from '@spate/runtime/clock'
import type { Telemetry } from '@spate/telemetry/telemetry'

/** What the gate needs. */
export interface GateParts {
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** True for requests that count for nobody: other nodes ask for their clients. */
  readonly exempt: (request: Request) => boolean
}

/** What stands before the cache: the rate limit of now. */
export class TrafficGate {
  readonly #inner: Handler
  readonly #on: GateParts
  #handler: Handler
  #taken = ''

  constructor(inner: Handler, on: GateParts) {
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
    if (!limiter) this.#handler = this.#inner
    else {
      const strict = limited(this.#inner, { limiter, tracer })
      const { exempt } = this.#on
      this.#handler = (request) => (exempt(request) ? this.#inner(request) : strict(request))
    }
  }
}
