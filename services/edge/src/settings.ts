import { listenLimitSettings, type ListenLimits } from '@spate/http/listener-limits'
import {
  listenSettings,
  rateLimitSettings,
  type ListenSettings,
  type RateLimitSettings,
} from '@spate/http/settings'
import {
  bytes,
  choice,
  decimal,
  duration,
  integer,
  list,
  toggle,
  url,
  type TableOf,
} from '@spate/runtime/settings'
import type { DoubtfulAge } from './domain/freshness.ts'
import type { SetCookiePolicy } from './domain/storing.ts'
import { originPattern, originSettings, type OriginSettings } from './origins/settings.ts'

/** Settings of an edge node. */
export interface EdgeSettings
  extends ListenSettings, ListenLimits, RateLimitSettings, OriginSettings {
  readonly adminPort: number
  readonly origin: string | undefined
  readonly origins: readonly string[]
  readonly memoryBytesMax: number
  readonly objectBytesMax: number
  readonly transientBytesMax: number
  readonly setCookie: SetCookiePolicy
  readonly honourClientCacheControl: boolean
  readonly dropQuery: readonly string[]
  readonly sortQuery: boolean
  readonly heuristicFraction: number
  readonly heuristicMsMax: number
  readonly negativeMs: number
  readonly doubtfulAge: DoubtfulAge
  readonly disconnectedMs: number
}

const MiB = 1024 ** 2

/** The table of `EdgeSettings`. */
export const edgeSettings: TableOf<EdgeSettings> = {
  ...listenSettings(8080),
  ...rateLimitSettings,
  ...listenLimitSettings,
  adminPort: integer(
    8070,
    0,
    65_535,
    'Port of purge, statistics and explain; 0 takes any free one',
  ),
  origin: url(undefined, 'Scheme, host and port of the origin; paths are passed on as they are', {
    pattern: originPattern,
    expected: 'a URL of scheme, host and port: http://127.0.0.1:8083',
  }),
  origins: list(
    [],
    'Further origins that serve the same pages; keys are spread, and one stands in for another',
    {
      pattern: originPattern,
      expected: 'URLs of scheme, host and port',
    },
  ),
  memoryBytesMax: bytes(256 * MiB, MiB, 2 ** 40, 'Memory for stored responses, overhead included'),
  objectBytesMax: bytes(16 * MiB, 1024, 2 ** 32, 'Largest body kept in memory'),
  transientBytesMax: bytes(
    64 * MiB,
    64 * 1024,
    2 ** 36,
    'Memory all bodies on their way into the cache may hold; above it they pass unstored',
  ),
  setCookie: choice(
    'refuse',
    ['refuse', 'strip', 'store'],
    'Responses that set a cookie: refuse stores only those marked public, strip stores them without the cookie, store does as RFC 9111 allows',
  ),
  honourClientCacheControl: toggle(
    true,
    'Obey Cache-Control of clients; off where clients must not reach the origin at will',
  ),
  dropQuery: list([], 'Query names that do not select content and are left out of the key: utm_*'),
  sortQuery: toggle(true, 'Sort query names in the key; off where the origin minds their order'),
  heuristicFraction: decimal(
    0.1,
    0,
    1,
    'Share of the time since Last-Modified a silent response counts as fresh',
  ),
  heuristicMsMax: duration(86_400_000, 0, 31_536_000_000, 'Longest guessed freshness'),
  negativeMs: duration(0, 0, 86_400_000, 'Freshness of 404 and 410 that say nothing; 0 is none'),
  doubtfulAge: choice(
    'stale',
    ['stale', 'ignore'],
    'Responses whose Age is no plain number: stale validates them, ignore counts them as new (RFC 9111 section 5.1)',
  ),
  disconnectedMs: duration(
    60_000,
    0,
    86_400_000,
    'How long a stale response may stand in for an origin that cannot be reached; never where headers forbid it',
  ),
  ...originSettings,
}
