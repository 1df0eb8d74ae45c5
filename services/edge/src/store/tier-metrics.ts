import { metricNames } from '@spate/telemetry/names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { SharedTier } from '../shared-tier/shared-tier.ts'
import type { Statistics } from '../statistics.ts'
import type { Tiers } from './tiers.ts'

/** Publishes what lies in which tier, and what peers were asked; costs nothing until it is read. */
export function publishTierMetrics(
  { metrics }: Telemetry,
  from: {
    readonly store: Tiers
    readonly shared: SharedTier | undefined
    readonly statistics: Statistics
  },
): void {
  const { store, shared, statistics } = from
  const { memory, disk } = store
  const peers = metrics.counter(metricNames.edgePeerRequests).series({})
  const tiers = [
    { name: 'memory', figures: () => memory.figures },
    // The tier of a process that gave its folder away may be another one later.
    ...(disk ? [{ name: 'disk', figures: () => (store.disk ?? disk).figures }] : []),
  ].map(({ name, figures }) => ({
    figures,
    objects: metrics.gauge(metricNames.edgeCacheObjects).series({ 'edge.cache.tier': name }),
    bytes: metrics.gauge(metricNames.edgeCacheBytes).series({ 'edge.cache.tier': name }),
  }))
  const lookups = shared && metrics.counter(metricNames.edgeSharedLookups)
  const asked = (['hits', 'misses', 'errors', 'skipped'] as const).map((name) => ({
    name,
    series: lookups?.series({ 'edge.cache.result': resultOf[name] }),
  }))
  metrics.observe(() => {
    const figures = shared?.figures
    if (figures) for (const { name, series } of asked) series?.observe(figures[name])
    peers.observe(statistics.peerRequests)
    for (const { figures, objects, bytes } of tiers) {
      const now = figures()
      objects.set(now.objects)
      bytes.set(now.bytes)
    }
  })
}

const resultOf = { hits: 'hit', misses: 'miss', errors: 'error', skipped: 'skipped' } as const
