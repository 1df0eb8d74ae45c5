import { valueText } from '@spate/telemetry/log-store'
import { quantileOf, totalBuckets, type ValueBucket } from '@spate/telemetry/metric-buckets'
import type { MetricSeries } from '@spate/telemetry/metric-store'
import type { ExponentialPoint, HistogramPoint } from '@spate/telemetry/model'

/** Request durations by route: what the table of routes shows. */

/** Names of the metric: as OpenTelemetry has it, and as a text exposition writes it. */
export const durationMetrics = [
  'http.server.request.duration',
  'http_server_request_duration_seconds',
] as const

/** One route of one program. */
export interface RouteRow {
  readonly service: string
  readonly route: string
  /** Requests since the oldest point that is held, and seconds since then. */
  readonly requests: number
  readonly seconds: number
  /** Share of answers of 500 and above. */
  readonly errorShare: number
  readonly p50: number | undefined
  readonly p95: number | undefined
  readonly p99: number | undefined
  /** Slowest request whose trace may be held. */
  readonly exemplar: { readonly traceId: string; readonly value: number } | undefined
}

type Distribution = HistogramPoint | ExponentialPoint

/** Rows of all histogram series among `series`, busiest first. `held`: true for a trace that can be opened. */
export function routeRows(
  series: readonly MetricSeries[],
  held: (traceId: string) => boolean,
): readonly RouteRow[] {
  const groups = new Map<string, MetricSeries[]>()
  for (const each of series) {
    if (each.kind !== 'histogram' && each.kind !== 'exponential') continue
    const key = `${each.service}\u0000${labelOf(each, 'http.route') ?? '(none)'}`
    const group = groups.get(key)
    if (group) group.push(each)
    else groups.set(key, [each])
  }
  return [...groups.values()]
    .map((group) => rowOf(group, held))
    .filter(({ requests }) => requests > 0)
    .sort((a, b) => Number(isUpkeep(a)) - Number(isUpkeep(b)) || b.requests - a.requests)
}

function rowOf(group: readonly MetricSeries[], held: (traceId: string) => boolean): RouteRow {
  const lead = group[0] as MetricSeries
  const buckets: ValueBucket[] = []
  let requests = 0
  let errors = 0
  let seconds = 0
  for (const series of group) {
    const { earlier, point } = windowOf(series)
    const count = point.count - (earlier?.count ?? 0)
    requests += count
    if (Number(labelOf(series, 'http.response.status_code')) >= 500) errors += count
    seconds = Math.max(seconds, (point.timeMs - (earlier?.timeMs ?? point.startMs)) / 1000)
    buckets.push(...totalBuckets(point, earlier))
  }
  buckets.sort((a, b) => a.high - b.high)
  const exemplar = group
    .flatMap(({ exemplars }) => exemplars)
    .filter(({ traceId }) => held(traceId))
    .sort((a, b) => b.value - a.value)[0]
  return {
    service: lead.service,
    route: labelOf(lead, 'http.route') ?? '(no route)',
    requests,
    seconds,
    errorShare: requests > 0 ? errors / requests : 0,
    p50: quantileOf(buckets, 0.5),
    p95: quantileOf(buckets, 0.95),
    p99: quantileOf(buckets, 0.99),
    exemplar,
  }
}

/** True for calls that only look after a program: they come last. */
function isUpkeep({ route }: RouteRow): boolean {
  return /^\/(health\/|metrics$|telemetry\/)/.test(route)
}

/** What to count: from the oldest point on, or all of it where that is all there is. */
function windowOf({ first, last, cumulative }: MetricSeries): {
  readonly earlier: Distribution | undefined
  readonly point: Distribution
} {
  const [earlier, point] = [first as Distribution | undefined, last as Distribution]
  const restarted = earlier !== undefined && earlier.count > point.count
  return { earlier: cumulative && !restarted ? earlier : undefined, point }
}

/** An attribute by its OpenTelemetry name, also where a text exposition wrote it with underscores. */
function labelOf({ attributes }: MetricSeries, name: string): string | undefined {
  const value = attributes[name] ?? attributes[name.replaceAll('.', '_')]
  return value === undefined || value === null ? undefined : valueText(value)
}
