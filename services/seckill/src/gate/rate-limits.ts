import { clientKey } from '@spate/http/client-address'
import type { Request } from '@spate/http/exchange'
import { parseRate } from '@spate/http/gcra'
import { RateLimiter } from '@spate/http/rate-limit'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'

/** What a limit counts by. */
export type RateScope = 'client' | 'device' | 'user' | 'campaign' | 'global'

/** Rates as settings write them: `10/s`; off where unset. */
export interface RateLimitsSettings {
  readonly rateLimit: string | undefined
  readonly rateBurst: number | undefined
  readonly rateKeysMax: number
  readonly deviceRateLimit: string | undefined
  readonly deviceRateBurst: number | undefined
  readonly userRateLimit: string | undefined
  readonly userRateBurst: number | undefined
  readonly campaignRateLimit: string | undefined
  readonly campaignRateBurst: number | undefined
  readonly globalRateLimit: string | undefined
  readonly globalRateBurst: number | undefined
}

/** Who asks, and for what. */
export interface Attempt {
  readonly clientAddress: string
  /** Id of the device; undefined where it has none: then nothing is counted by it. */
  readonly device: string | undefined
  readonly userId: string
  /** Products asked for: one, or the lines of a cart. */
  readonly products: readonly string[]
}

/** Over a limit. */
export interface RateExcess {
  readonly scope: RateScope
  readonly retryAfterMs: number
}

/**
 * Limits by client network, device, user, campaign and all together, each on its own. An attempt
 * is counted by every limit up to the one that refuses it. By client means: by the address our own
 * proxies vouch for, /64 for IPv6; what a client writes into X-Forwarded-For changes nothing.
 */
export class RateLimits {
  readonly #limiters: ReadonlyMap<RateScope, RateLimiter>

  constructor(limiters: ReadonlyMap<RateScope, RateLimiter>) {
    this.#limiters = limiters
  }

  /** Counts by client and device, before it is known who asks; undefined where it may go on. */
  arrive({
    clientAddress,
    device,
  }: Pick<Attempt, 'clientAddress' | 'device'>): RateExcess | undefined {
    return (
      this.#take('client', clientKey(clientAddress)) ??
      (device === undefined ? undefined : this.#take('device', device))
    )
  }

  /** Counts by user, campaign and all together; undefined where it may go on. */
  ask({ userId, products }: Pick<Attempt, 'userId' | 'products'>): RateExcess | undefined {
    let excess = this.#take('user', userId)
    for (const productId of products) excess ??= this.#take('campaign', productId)
    return excess ?? this.#take('global', '')
  }

  #take(scope: RateScope, key: string): RateExcess | undefined {
    const decision = this.#limiters.get(scope)?.take(key)
    return decision?.kind === 'limited' ? { scope, retryAfterMs: decision.retryAfterMs } : undefined
  }
}

/** The limits that `settings` ask for; undefined where they ask for none. Throws `settings_invalid`. */
export function rateLimitsOf(settings: RateLimitsSettings, clock: Clock): RateLimits | undefined {
  const keysMax = settings.rateKeysMax
  const rows = [
    ['client', 'rateLimit', settings.rateLimit, settings.rateBurst],
    ['device', 'deviceRateLimit', settings.deviceRateLimit, settings.deviceRateBurst],
    ['user', 'userRateLimit', settings.userRateLimit, settings.userRateBurst],
    ['campaign', 'campaignRateLimit', settings.campaignRateLimit, settings.campaignRateBurst],
    ['global', 'globalRateLimit', settings.globalRateLimit, settings.globalRateBurst],
  ] as const
  const limiters = rows.flatMap(([scope, field, text, burst]) => {
    if (text === undefined) return []
    const rate = parseRate(text)
    if (!rate)
      throw new Fault('settings_invalid', `not a rate: ${text}`, {
        fields: [{ field, value: text, expected: 'a count and a time of at most a day: 10/s' }],
      })
    const limiter = new RateLimiter({ rate, clock, keysMax, ...(burst ? { burst } : {}) })
    return [[scope, limiter] as const]
  })
  return limiters.length === 0 ? undefined : new RateLimits(new Map(limiters))
}

/** Longest device id that is believed, in characters. */
export const deviceLengthMax = 128

/**
 * The device a request names: the header `Seckill-Device`, else the cookie `seckill_device`;
 * undefined where there is none, or one too long.
 */
export function deviceOf(request: Pick<Request, 'headers'>): string | undefined {
  const named = request.headers.get('seckill-device') ?? cookieOf(request, 'seckill_device')
  return named === undefined || named === '' || named.length > deviceLengthMax ? undefined : named
}

function cookieOf(request: Pick<Request, 'headers'>, name: string): string | undefined {
  const cookies = request.headers.get('cookie')
  const at = cookies === undefined ? -1 : `; ${cookies}`.indexOf(`; ${name}=`)
  return at < 0 ? undefined : cookies?.slice(at + name.length + 1).split(';')[0]
}
