import { metricNames } from '@spate/telemetry/names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { Statistics } from '../statistics.ts'
import type { Tiers } from './tiers.ts'

/** Publishes what lies in which tier, and what peers were asked; costs nothing until it is read. */
export function publishTierMetrics(
  { metrics }: Telemetry,
  { memory, disk }: Tiers,
  statistics: Statistics,
): void {
  const peers = metrics.counter(metricNames.edgePeerRequests).series({})
  const tiers = [
    { name: 'memory', figures: () => memory.figures },
    ...(disk ? [{ name: 'disk', figures: () => disk.figures }] : []),
  ].map(({ name, figures }) => ({
    figures,
    objects: metrics.gauge(metricNames.edgeCacheObjects).series({ 'edge.cache.tier': name }),
    bytes: metrics.gauge(metricNames.edgeCacheBytes).series({ 'edge.cache.tier': name }),
  }))
  metrics.observe(() => {
    peers.observe(statistics.peerRequests)
    for (const { figures, objects, bytes } of tiers) {
      const now = figures()
      objects.set(now.objects)
      bytes.set(now.bytes)
    }
  })
}
