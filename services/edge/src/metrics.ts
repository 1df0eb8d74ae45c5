import type { Clock } from '@spate/runtime/clock'
import { metricNames } from '@spate/telemetry/names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { cacheResults } from './domain/cache-result.ts'
import type { Statistics } from './statistics.ts'
import type { TrafficTotals } from './traffic/traffic.ts'

/** Longest span the derived rates look back, ms. */
export const rateWindowMs = 60_000

interface Sample {
  readonly atMs: number
  readonly requests: number
  readonly hits: number
  readonly answered: number
  readonly errors: number
}

/** Where origin latencies go. */
export interface EdgeMetrics {
  /** `address`: host and port of the origin. */
  latency(seconds: number, status: number, address: string): void
}

/** Publishes what `statistics` counts; costs nothing until somebody reads the metrics. */
export function publishMetrics(
  telemetry: Telemetry,
  clock: Clock,
  statistics: Statistics,
  totals: TrafficTotals,
): EdgeMetrics {
  const { metrics } = telemetry
  const hits = metrics.counter(metricNames.cacheHits).series({ 'edge.cache.result': 'hit' })
  const stale = metrics.counter(metricNames.cacheHits).series({ 'edge.cache.result': 'stale' })
  const requests = metrics.counter(metricNames.cacheRequests).series({})
  const hitRate = metrics.gauge(metricNames.edgeHitRate).series({})
  const qps = metrics.gauge(metricNames.edgeQps).series({})
  const errorRate = metrics.gauge(metricNames.edgeErrorRate).series({})
  const bandwidth = cacheResults.map(
    (name) =>
      [
        name,
        metrics.counter(metricNames.edgeBandwidth).series({ 'edge.cache.result': name }),
      ] as const,
  )
  const samples: Sample[] = []
  metrics.observe(() => {
    hits.observe(statistics.hits - statistics.staleHits)
    stale.observe(statistics.staleHits)
    requests.observe(statistics.requests)
    for (const [name, series] of bandwidth) series.observe(totals.bytes[name])
    const now: Sample = {
      atMs: clock.elapsed(),
      requests: statistics.requests,
      hits: statistics.hits,
      answered: totals.requests,
      errors: totals.errors,
    }
    samples.push(now)
    while (samples.length > 2 && now.atMs - (samples[0] as Sample).atMs > rateWindowMs)
      samples.shift()
    const first = samples[0] as Sample
    const seconds = (now.atMs - first.atMs) / 1000
    const asked = now.requests - first.requests
    hitRate.set(asked > 0 ? (now.hits - first.hits) / asked : statistics.hitRatio)
    const answered = now.answered - first.answered
    qps.set(seconds > 0 ? answered / seconds : 0)
    errorRate.set(answered > 0 ? (now.errors - first.errors) / answered : 0)
  })
  const latency = metrics.histogram(metricNames.edgeOriginLatency)
  return {
    latency: (seconds, status, address) =>
      latency
        .series({ 'server.address': address, 'http.response.status_code': status })
        .record(seconds),
  }
}
