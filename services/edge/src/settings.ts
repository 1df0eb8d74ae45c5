import { listenLimitSettings, type ListenLimits } from '@spate/http/listener-limits'
import {
  listenSettings,
  rateLimitSettings,
  type ListenSettings,
  type RateLimitSettings,
} from '@spate/http/settings'
import {
  bytes,
  duration,
  integer,
  list,
  text,
  toggle,
  url,
  type TableOf,
} from '@spate/runtime/settings'
import { originPattern, originSettings, type OriginSettings } from './origins/settings.ts'
import {
  cachingSettings,
  sitesSetting,
  type CachingSettings,
  type SiteSettings,
} from './sites/settings.ts'
import { peerSettings, type PeerSettings } from './peers/settings.ts'
import { diskSettings, type DiskSettings } from './disk/disk-settings.ts'
import { sharedSettings, type SharedSettings } from './shared-tier/shared-settings.ts'

/** Settings of an edge node. */
export interface EdgeSettings
  extends
    ListenSettings,
    ListenLimits,
    RateLimitSettings,
    OriginSettings,
    CachingSettings,
    DiskSettings,
    SharedSettings,
    PeerSettings {
  readonly adminPort: number
  readonly nodeId: string | undefined
  readonly nodeRegion: string
  readonly workers: number
  readonly upgradable: boolean
  readonly drainMs: number
  readonly warmConcurrency: number
  readonly origin: string | undefined
  readonly origins: readonly string[]
  readonly memoryBytesMax: number
  readonly transientBytesMax: number
  readonly sites: readonly SiteSettings[]
}

const MiB = 1024 ** 2

/** The table of `EdgeSettings`. */
export const edgeSettings: TableOf<EdgeSettings> = {
  ...listenSettings(8080),
  ...rateLimitSettings,
  ...listenLimitSettings,
  ...diskSettings,
  ...sharedSettings,
  ...peerSettings,
  adminPort: integer(
    8070,
    0,
    65_535,
    'Port of purge, statistics and explain; 0 takes any free one',
  ),
  nodeId: text(
    undefined,
    'Name of this node in traces; the name of the machine where it is not set',
  ),
  nodeRegion: text('local', 'Region of this node in traces'),
  workers: integer(
    1,
    1,
    256,
    'Processes that share the traffic port, each with a cache of its own; one a core is best',
    { unit: 'processes' },
  ),
  warmConcurrency: integer(8, 1, 256, 'Pages a warm-up fetches at once', { unit: 'pages' }),
  upgradable: toggle(
    false,
    'Run in a worker behind a process that keeps the port, so that SIGUSR2 or POST /upgrade starts new code without a failed request; always so with several workers',
  ),
  drainMs: duration(
    65_000,
    0,
    3_600_000,
    'Time clients of a worker that was replaced have for one more request on an open connection; then idle ones are closed',
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
  transientBytesMax: bytes(
    64 * MiB,
    64 * 1024,
    2 ** 36,
    'Memory all bodies on their way into the cache may hold; above it they pass unstored',
  ),
  sites: sitesSetting,
  ...cachingSettings,
  ...originSettings,
}
