import type { Asker } from './quiet-client.ts'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { HistogramSeries, type AnyFamily } from '@spate/telemetry/metrics'
import { metricNames } from '@spate/telemetry/names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { readSamples, type Sample } from '@spate/telemetry/exposition-text'
import { mergedBuckets, type Bucket, type Reading, type Sighting } from './domain/reading.ts'

/** Where the metrics of one program come from. */
export interface MetricSource {
  /** Rejects where they cannot be had. */
  read(): Promise<Reading>
}

/** True for calls that only look after a program: they are left out of its rates. */
function isUpkeepRoute(route: string): boolean {
  return route.startsWith('/health/') || route === '/metrics'
}

/** Most exemplars of one reading. */
const sightingsMax = 20

/** A program in this process: its registry is read as it is, with fine buckets. */
export function registrySource(telemetry: Telemetry, clock: Clock): MetricSource {
  return {
    read: () => {
      const families = telemetry.metrics.collect()
      const named = (name: { readonly name: string }): AnyFamily | undefined =>
        families.find((family) => family.name.name === name.name)
      const server = histograms(named(metricNames.httpServerDuration)).filter(
        ({ attributes }) => !isUpkeepRoute(String(attributes['http.route'])),
      )
      const gauge = (name: { readonly name: string }): number | undefined => sum(named(name))
      return Promise.resolve({
        atMs: clock.elapsed(),
        requests: server.reduce((total, { histogram }) => total + histogram.count, 0),
        errors: server
          .filter(({ attributes }) => Number(attributes['http.response.status_code']) >= 500)
          .reduce((total, { histogram }) => total + histogram.count, 0),
        latency: mergedBuckets(server.map(fineBuckets)),
        cacheHits: sum(named(metricNames.cacheHits)),
        cacheRequests: sum(named(metricNames.cacheRequests)),
        loopDelay: gauge(metricNames.eventLoopDelay),
        residentBytes: gauge(metricNames.residentMemory),
        heapBytes: gauge(metricNames.heapUsed),
        sampling: telemetry.probability,
        sightings: newest(
          server
            .flatMap(({ exemplars }) => exemplars)
            .filter((exemplar) => exemplar !== undefined)
            .map(({ traceId, value, timeMs }) => ({ traceId, value, timeMs })),
        ),
      })
    },
  }
}

function histograms(family: AnyFamily | undefined): readonly HistogramSeries[] {
  return (family?.all() ?? []).filter((series) => series instanceof HistogramSeries)
}

/** Sum over all series; undefined where there are none. */
function sum(family: AnyFamily | undefined): number | undefined {
  const series = family?.all() ?? []
  if (series.length === 0) return undefined
  return series.reduce((total, each) => total + ('value' in each ? each.value : 0), 0)
}

function fineBuckets({ histogram }: HistogramSeries): readonly Bucket[] {
  const { offset, counts } = histogram.buckets()
  const base = 2 ** histogram.scale
  const list: Bucket[] = []
  for (const [at, count] of counts.entries())
    if (count > 0)
      list.push({ low: 2 ** ((offset + at) / base), high: 2 ** ((offset + at + 1) / base), count })
  if (histogram.zeroCount > 0) list.unshift({ low: 0, high: 0, count: histogram.zeroCount })
  return list
}

function newest(sightings: readonly Sighting[]): readonly Sighting[] {
  return [...sightings].sort((a, b) => b.timeMs - a.timeMs).slice(0, sightingsMax)
}

/** A program anywhere: its `GET /metrics` is read, with the coarse buckets of the text. */
export function scrapeSource(
  client: Asker,
  options: {
    readonly url: string
    readonly timeoutMs: number
    readonly clock: Clock
    /** Takes all samples, beside those the charts use. */
    readonly onSamples?: (samples: readonly Sample[]) => void
  },
): MetricSource {
  return {
    read: async () => {
      const answer = await client.fetch(`${options.url}/metrics`, { timeoutMs: options.timeoutMs })
      const text = await answer.text()
      if (!answer.ok) throw new Fault('bad_gateway', `/metrics answered ${answer.status}`)
      const { samples } = readSamples(text)
      options.onSamples?.(samples)
      return readingOf(samples, options.clock.elapsed())
    },
  }
}

/** A reading from the samples of one exposition. */
export function readingOf(samples: readonly Sample[], atMs: number): Reading {
  const total = (...names: readonly string[]): number | undefined => {
    const found = samples.filter(({ name }) => names.includes(name))
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
  }
  const duration = 'http_server_request_duration_seconds'
  const served = samples.filter(({ labels }) => !isUpkeepRoute(labels['http_route'] ?? ''))
  const counted = served.filter(({ name }) => name === `${duration}_count`)
  const bounds = served.filter(({ name }) => name === `${duration}_bucket`)
  return {
    atMs,
    requests: counted.reduce((sum, { value }) => sum + value, 0),
    errors: counted
      .filter(({ labels }) => Number(labels['http_response_status_code']) >= 500)
      .reduce((sum, { value }) => sum + value, 0),
    latency: coarseBuckets(bounds),
    cacheHits: total('cache_hits_total'),
    cacheRequests: total('cache_requests_total'),
    loopDelay: total('nodejs_eventloop_delay_p99_seconds'),
    residentBytes: total('process_memory_usage_bytes'),
    heapBytes: total('v8js_memory_heap_used_bytes'),
    sampling: total('spate_telemetry_sampling_probability'),
    sightings: newest(bounds.map(({ exemplar }) => exemplar).filter((each) => each !== undefined)),
  }
}

/** Cumulative `_bucket` samples of many series as one list of buckets. */
function coarseBuckets(samples: readonly Sample[]): readonly Bucket[] {
  const cumulative = new Map<number, number>()
  for (const { labels, value } of samples) {
    const high = labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le'])
    if (!Number.isNaN(high)) cumulative.set(high, (cumulative.get(high) ?? 0) + value)
  }
  let low = 0
  let before = 0
  return [...cumulative]
    .sort(([a], [b]) => a - b)
    .map(([high, upTo]) => {
      const bucket = { low, high, count: Math.max(0, upTo - before) }
      low = high
      before = upTo
      return bucket
    })
}
