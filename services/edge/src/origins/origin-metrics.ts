import { originMetricNames as names } from '@spate/telemetry/origin-metric-names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { BreakerState } from './breaker.ts'
import type { OriginSet } from './origin-set.ts'

const states: readonly BreakerState[] = ['closed', 'half-open', 'open']

/** Publishes how the origins do, by site; costs nothing until it is read. */
export function publishOriginMetrics(
  { metrics }: Telemetry,
  origins: () => ReadonlyMap<string, OriginSet>,
): void {
  const healthy = metrics.gauge(names.edgeOriginHealthy)
  const breaker = metrics.gauge(names.edgeOriginBreaker)
  const active = metrics.gauge(names.httpClientActive)
  const ejections = metrics.counter(names.edgeOriginEjections)
  const retries = metrics.counter(names.edgeOriginRetries)
  const hedges = metrics.counter(names.edgeOriginHedges)
  metrics.observe(() => {
    // What a reload took away is no longer healthy, in no state, and asked for nothing.
    for (const family of [healthy, breaker, active])
      for (const series of family.all()) series.set(0)
    for (const [site, { members, retried, hedged }] of origins()) {
      retries.series({ 'edge.site': site }).observe(retried)
      hedges.series({ 'edge.site': site }).observe(hedged)
      for (const { url, figures, breaker: own } of members) {
        const { hostname, port, protocol } = new URL(url)
        const place = {
          'server.address': hostname,
          'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
        }
        const at = { 'edge.site': site, ...place }
        healthy.series(at).set(figures.healthy ? 1 : 0)
        for (const state of states)
          breaker.series({ ...at, 'edge.origin.state': state }).set(figures.state === state ? 1 : 0)
        ejections.series(at).observe(own.ejections)
        active.series(place).add(figures.active)
      }
    }
  })
}
