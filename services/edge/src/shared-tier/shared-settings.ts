import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { bytes, choice, duration, url, type TableOf } from '@spate/runtime/settings'
import { RedisKeyValue } from '@spate/state/redis-key-value'
import { SharedTier } from './shared-tier.ts'

/** Settings of the shared tier. */
export interface SharedSettings {
  readonly store: 'embedded' | 'redis'
  readonly redis: string | undefined
  readonly sharedTtlMs: number
  readonly sharedLookupMs: number
  readonly sharedObjectBytesMax: number
}

/** The table of `SharedSettings`. */
export const sharedSettings: TableOf<SharedSettings> = {
  store: choice(
    'embedded',
    ['embedded', 'redis'],
    'Where responses are stored: on this node, or also in a Redis that all nodes share',
  ),
  redis: url(undefined, 'The Redis of `--store redis`: redis://user:password@host:6379/0', {
    pattern: /^rediss?:\/\/[^\s]+$/,
    expected: 'a URL: redis://host:6379, or rediss:// for TLS',
    secret: true,
  }),
  sharedTtlMs: duration(300_000, 1000, 86_400_000, 'Longest life of a response in Redis', {
    flag: 'shared-ttl',
    env: 'SPATE_SHARED_TTL',
  }),
  sharedLookupMs: duration(
    50,
    1,
    10_000,
    'Longest wait of a request for Redis; then the origin is asked',
    { flag: 'shared-lookup', env: 'SPATE_SHARED_LOOKUP' },
  ),
  sharedObjectBytesMax: bytes(
    1024 ** 2,
    0,
    64 * 1024 ** 2,
    'Largest body that is written to Redis',
  ),
}

/** The shared tier that `settings` ask for; undefined where they ask for none. It connects in the background. */
export function sharedTierOf(
  settings: SharedSettings & { readonly origin: string | undefined },
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): SharedTier | undefined {
  const { store, redis, origin } = settings
  if (store === 'embedded') return undefined
  if (redis === undefined)
    throw new Fault('settings_invalid', 'store: redis needs a Redis: --redis redis://host:6379')
  return new SharedTier({
    store: new RedisKeyValue({ url: redis, clock, log, prefix: 'spate:edge:1:' }),
    limits: {
      ttlMs: settings.sharedTtlMs,
      lookupMs: settings.sharedLookupMs,
      objectBytesMax: settings.sharedObjectBytesMax,
    },
    identity: origin ?? '',
    clock,
    log,
  })
}
