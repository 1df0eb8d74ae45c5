import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { choice, integer, list, text, type TableOf } from '@spate/runtime/settings'
import type { ForwardedHeader } from './client-address.ts'
import { parseRate } from './gcra.ts'
import { RateLimiter } from './rate-limit.ts'

/** Whom to believe about a client's address. */
export interface ProxySettings {
  readonly trustedProxies: readonly string[]
  readonly forwardedHeader: ForwardedHeader
}

/** Where a program listens, whom it believes, and the key to its admin calls. */
export interface ListenSettings extends ProxySettings {
  readonly host: string
  readonly port: number
  readonly adminToken: string | undefined
}

/** A rate limit for each client; off where `rateLimit` is unset. */
export interface RateLimitSettings {
  readonly rateLimit: string | undefined
  readonly rateBurst: number | undefined
  readonly rateKeysMax: number
}

/** Rows for `ProxySettings`. */
export const proxySettings: TableOf<ProxySettings> = {
  trustedProxies: list(
    ['loopback'],
    'Proxies whose word on the client address is taken: addresses, CIDRs, loopback, private, linklocal',
    {
      pattern: /^(?:loopback|private|linklocal|[\da-fA-F:.]+(?:\/\d{1,3})?)$/,
      expected: 'addresses, CIDRs, or loopback, private, linklocal',
    },
  ),
  forwardedHeader: choice(
    'x-forwarded-for',
    ['x-forwarded-for', 'forwarded'],
    'Header those proxies write; the other one is ignored, because a client may have written it',
  ),
}

/** Rows for `ListenSettings`; `port` is the default port. */
export function listenSettings(port: number): TableOf<ListenSettings> {
  return {
    host: text('127.0.0.1', 'Address to listen on; 0.0.0.0 or :: lets other machines in'),
    port: integer(port, 0, 65_535, 'Port of the traffic listener; 0 takes any free one'),
    ...proxySettings,
    adminToken: text(
      undefined,
      'Key to admin calls; where unset, one is made and kept in the data folder',
      {
        secret: true,
        pattern: /^[\w.~+/=-]{16,256}$/,
        expected: '16 to 256 letters, digits and . _ ~ + / = -',
      },
    ),
  }
}

/** Rows for `RateLimitSettings`. */
export const rateLimitSettings: TableOf<RateLimitSettings> = {
  rateLimit: text(undefined, 'Requests one client may make, steadily; off where unset', {
    pattern: /^[1-9]\d{0,5}\/\d{0,5}(?:ms|s|m|h|d)$/,
    expected: 'a count and a time: 10/s, 600/m, 5/10s',
  }),
  rateBurst: integer(
    undefined,
    1,
    1_000_000,
    'Requests one client may make at once; the count of rateLimit where unset',
    { unit: 'requests' },
  ),
  rateKeysMax: integer(
    100_000,
    1,
    10_000_000,
    'Clients the limiter remembers; the longest unused is forgotten first',
  ),
}

/** The limiter that `settings` ask for; undefined where they ask for none. */
export function rateLimiterOf(settings: RateLimitSettings, clock: Clock): RateLimiter | undefined {
  if (settings.rateLimit === undefined) return undefined
  const rate = parseRate(settings.rateLimit)
  if (!rate)
    throw new Fault('settings_invalid', `not a rate: ${settings.rateLimit}`, {
      fields: [
        {
          field: 'rateLimit',
          value: settings.rateLimit,
          expected: 'a count and a time of at most a day: 10/s',
        },
      ],
    })
  return new RateLimiter({
    rate,
    clock,
    keysMax: settings.rateKeysMax,
    ...(settings.rateBurst === undefined ? {} : { burst: settings.rateBurst }),
  })
}
