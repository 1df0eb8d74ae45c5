import { listenLimitSettings, type ListenLimits } from '@spate/http/listener-limits'
import {
  listenSettings,
  rateLimitSettings,
  type ListenSettings,
  type RateLimitSettings,
} from '@spate/http/settings'
import { bytes, duration, integer, text, type TableOf } from '@spate/runtime/settings'
import { rankSettings, type RankSettings } from './rank-settings.ts'
import { rerankSettings, type RerankSettings } from './rerank-settings.ts'

/** Settings of the recommend program. */
export interface RecommendSettings
  extends ListenSettings, ListenLimits, RateLimitSettings, RerankSettings, RankSettings {
  readonly grpcPort: number
  readonly partition: string
  readonly itemsMax: number
  readonly usersMax: number
  readonly eventsPerUserMax: number
  readonly eventIdsMax: number
  readonly requestBudgetMs: number
  readonly channelBudgetMs: number
  readonly trainAfterEvents: number
  readonly trainEveryMs: number
  readonly headItemsMax: number
  readonly snapshotEveryMs: number
  readonly featureTtlMs: number
  readonly featureBudgetMs: number
  readonly featureCacheBytesMax: number
  readonly warmupConcurrency: number
}

const dayMs = 86_400_000

/** The table; `--help` and the reference page are made from it. */
export const recommendSettings: TableOf<RecommendSettings> = {
  ...listenSettings(8082),
  ...listenLimitSettings,
  // Lines of JSON are read as they come, so many of them take no more memory than a few.
  bodyBytesMax: bytes(64 * 1024 ** 2, 0, 2 ** 40, 'Largest request body; above it 413.'),
  grpcPort: integer(9082, 0, 65_535, 'Port of the gRPC listener; 0 takes any free one'),
  ...rateLimitSettings,
  ...rankSettings,
  ...rerankSettings,
  partition: text(
    '0/1',
    'Users this process keeps, of users spread over several: 1/4 is the second of four. Others are answered 421',
    {
      pattern: /^(?:0|[1-9]\d{0,2})\/(?:[1-9]\d{0,2}|1000)$/,
      expected: 'the own number and the count, 0/4 to 3/4; at most 1000',
    },
  ),
  itemsMax: integer(1_000_000, 1, 10_000_000, 'Items held; events on further ones are refused'),
  usersMax: integer(
    1_000_000,
    1,
    100_000_000,
    'Users whose history is held; the longest idle one makes room',
  ),
  eventsPerUserMax: integer(1000, 10, 100_000, 'Events held a user; the oldest make room'),
  eventIdsMax: integer(
    500_000,
    1000,
    50_000_000,
    'Event ids remembered so that a repeated event counts once (24 bytes each)',
  ),
  requestBudgetMs: duration(150, 5, 10_000, 'Time a list may take before what is there is served'),
  channelBudgetMs: duration(
    60,
    1,
    10_000,
    'Time one recall channel may take; a later answer is left out and named in `degraded`',
  ),
  trainAfterEvents: integer(
    2000,
    1,
    1_000_000_000,
    'New events after which models are trained again',
  ),
  trainEveryMs: duration(
    60_000,
    1000,
    30 * dayMs,
    'Least time between two trainings; training runs in a worker thread',
  ),
  headItemsMax: integer(
    4000,
    16,
    10_000,
    'Most popular items in the dense models; time grows with its cube, memory with its square',
  ),
  snapshotEveryMs: duration(
    60_000,
    1000,
    dayMs,
    'Time between snapshots of the state; a restart replays what came after the last',
  ),
  featureTtlMs: duration(
    3_600_000,
    1000,
    30 * dayMs,
    'Life of cached features of a user; each entry lives up to a tenth less',
  ),
  featureBudgetMs: duration(
    20,
    1,
    10_000,
    'Time a list waits for the feature store; then what this process knows is taken',
  ),
  featureCacheBytesMax: integer(
    64 * 1024 ** 2,
    1024 ** 2,
    64 * 1024 ** 3,
    'Bytes of cached features where no store is shared; users above it are worked out anew',
  ),
  warmupConcurrency: integer(64, 4, 4096, 'Users warmed up at once, over all warm-ups'),
}
