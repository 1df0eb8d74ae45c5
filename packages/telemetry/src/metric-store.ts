import { quantileOf, totalBuckets } from './metric-buckets.ts'
import type {
  ExemplarData,
  ExponentialPoint,
  HistogramPoint,
  MetricData,
  NumberPoint,
  SummaryPoint,
  Value,
  Values,
} from './otlp/model.ts'

/**
 * Metrics of any program, held in memory for the console: for each series its last points. Bounded
 * by series, by points of a series and by bytes; the series that was touched longest ago goes first.
 */

/** How much a store holds. */
export interface MetricStoreLimits {
  /** Series held at most. Default 10,000. */
  readonly series?: number
  /** Points of a series held at most. Default 120. */
  readonly pointsPerSeries?: number
  /** Estimated bytes held at most. Default 32 MiB. */
  readonly bytes?: number
}

/** Any point. */
export type AnyPoint = NumberPoint | HistogramPoint | ExponentialPoint | SummaryPoint

/** One metric of one program, for a list. */
export interface MetricSummary {
  readonly service: string
  readonly name: string
  readonly kind: MetricData['kind']
  readonly unit: string
  readonly description: string
  readonly series: number
}

/** Which series; all conditions must hold. */
export interface MetricQuery {
  readonly name?: string
  readonly service?: string
  /** Attributes a series must have, as text. */
  readonly labels?: Readonly<Record<string, string>>
  /** Wall ms; points outside are left out, and so are series without a point inside. */
  readonly fromMs?: number
  readonly toMs?: number
  /** Most series listed. Default 100. */
  readonly limit?: number
}

/** What one step of a series says: from the point before to this one. */
export interface MetricStep {
  readonly timeMs: number
  /** Gauge: the value. Sum: gain a second. Histogram: values a second. */
  readonly value: number
  /** Histograms, of the values within the step; undefined where there were none. */
  readonly p50?: number | undefined
  readonly p95?: number | undefined
  readonly p99?: number | undefined
}

/** One series with its points, oldest first. */
export interface MetricSeries {
  readonly service: string
  readonly name: string
  readonly kind: MetricData['kind']
  readonly unit: string
  readonly attributes: Values
  readonly steps: readonly MetricStep[]
  /**
   * The oldest point held, where there were values before it; undefined where the series began
   * within what is held.
   */
  readonly first: AnyPoint | undefined
  /** The newest point, as it came. */
  readonly last: AnyPoint
  readonly cumulative: boolean
  readonly exemplars: readonly ExemplarData[]
}

interface Held {
  readonly service: string
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly kind: MetricData['kind']
  readonly cumulative: boolean
  readonly attributes: Values
  readonly points: AnyPoint[]
  bytes: number
  /** True once points were let go. */
  cut: boolean
}

/** A bounded set of series. */
export class MetricStore {
  readonly #limits: Required<MetricStoreLimits>
  readonly #series = new Map<string, Held>()
  #bytes = 0
  /** Series let go of because of a limit. */
  dropped = 0

  constructor(limits: MetricStoreLimits = {}) {
    this.#limits = { series: 10_000, pointsPerSeries: 120, bytes: 32 * 1024 ** 2, ...limits }
  }

  /** Takes metrics as a receiver decodes them. O(points). */
  readonly sink = (metrics: readonly MetricData[]): void => {
    for (const metric of metrics) for (const point of metric.points) this.#add(metric, point)
    while (this.#series.size > this.#limits.series || this.#bytes > this.#limits.bytes)
      this.#evict()
  }

  /** Series held, their estimated bytes, and the most that may be held. */
  get size(): {
    readonly series: number
    readonly bytes: number
    readonly bytesMax: number
    readonly dropped: number
  } {
    const { size } = this.#series
    return { series: size, bytes: this.#bytes, bytesMax: this.#limits.bytes, dropped: this.dropped }
  }

  /** Every metric, by service and name. O(series). */
  list(): readonly MetricSummary[] {
    const found = new Map<string, { -readonly [K in keyof MetricSummary]: MetricSummary[K] }>()
    for (const { service, name, kind, unit, description } of this.#series.values()) {
      const key = `${service}\u0000${name}`
      const known = found.get(key)
      if (known) known.series++
      else found.set(key, { service, name, kind, unit, description, series: 1 })
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, summary]) => summary)
  }

  /** Series that fit, with what their points say. O(series + points of those found). */
  query(query: MetricQuery = {}): readonly MetricSeries[] {
    const { fromMs = 0, toMs = Number.POSITIVE_INFINITY, limit = 100 } = query
    const found: MetricSeries[] = []
    for (const held of this.#series.values()) {
      if (found.length >= limit) break
      if (query.name !== undefined && held.name !== query.name) continue
      if (query.service !== undefined && held.service !== query.service) continue
      if (!hasLabels(held.attributes, query.labels)) continue
      const steps = stepsOf(held).filter(({ timeMs }) => timeMs >= fromMs && timeMs <= toMs)
      const last = held.points.at(-1)
      if (!last || last.timeMs < fromMs || last.timeMs > toMs) continue
      const { service, name, kind, unit, attributes, cumulative } = held
      found.push({
        service,
        name,
        kind,
        unit,
        attributes,
        cumulative,
        steps,
        last,
        first: held.cut || last.startMs === 0 ? held.points[0] : undefined,
        exemplars: last.exemplars.map((each) => ({
          value: each.value,
          timeMs: each.timeMs,
          traceId: each.traceId,
          spanId: each.spanId,
        })),
      })
    }
    return found
  }

  #add(metric: MetricData, point: AnyPoint): void {
    const service = textOf(metric.resource['service.name'] ?? 'unknown')
    const instance = textOf(metric.resource['service.instance.id'] ?? '')
    const labels = Object.keys(point.attributes)
      .sort()
      .map((name) => `${name}=${textOf(point.attributes[name] ?? null)}`)
    const key = [service, instance, metric.scope.name, metric.name, metric.kind, ...labels].join(
      '\u0000',
    )
    const held = this.#series.get(key) ?? {
      service,
      name: metric.name,
      unit: metric.unit,
      description: metric.description,
      kind: metric.kind,
      cumulative: 'cumulative' in metric && metric.cumulative,
      attributes: point.attributes,
      points: [],
      bytes: 0,
      cut: false,
    }
    // Put at the end again: the order of the map is the order of last touch.
    this.#series.delete(key)
    this.#series.set(key, held)
    // One object a series: each message brings its own copy.
    held.points.push({ ...point, attributes: held.attributes })
    this.#weigh(held, bytesOf(point) + (held.bytes === 0 ? 2 * key.length + 200 : 0))
    while (held.points.length > this.#limits.pointsPerSeries) {
      this.#weigh(held, -bytesOf(held.points.shift() as AnyPoint))
      held.cut = true
    }
  }

  #weigh(held: Held, bytes: number): void {
    held.bytes += bytes
    this.#bytes += bytes
  }

  #evict(): void {
    for (const [key, held] of this.#series) {
      this.#series.delete(key)
      this.#bytes -= held.bytes
      this.dropped++
      return
    }
  }
}

function textOf(value: Value): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function hasLabels(attributes: Values, labels: MetricQuery['labels']): boolean {
  for (const name in labels) {
    const value = attributes[name]
    if (value === undefined || textOf(value) !== labels[name]) return false
  }
  return true
}

/** What each point adds to the one before; for gauges and delta points, what it says itself. */
function stepsOf({ kind, cumulative, points }: Held): readonly MetricStep[] {
  const steps: MetricStep[] = []
  for (const [at, point] of points.entries()) {
    const before = points[at - 1]
    const { timeMs } = point
    if (kind === 'gauge') {
      steps.push({ timeMs, value: (point as NumberPoint).value })
      continue
    }
    // Without a start, the first point of a cumulative series cannot be told from its past.
    if (cumulative && !before && point.startMs === 0) continue
    const fromMs = cumulative && before ? before.timeMs : point.startMs || timeMs
    // A series that began a moment ago has no rate to speak of: its first second counts whole.
    const least = before ? 0.001 : 1
    const seconds = Math.max(least, (timeMs - fromMs) / 1000)
    if (kind === 'sum') {
      const gained = gain(
        (point as NumberPoint).value,
        cumulative ? ((before as NumberPoint | undefined)?.value ?? 0) : 0,
      )
      steps.push({ timeMs, value: gained / seconds })
    } else if (kind === 'summary') {
      const { count, quantiles } = point as SummaryPoint
      const at99 = quantiles.find(({ quantile }) => quantile === 0.99)?.value
      const at50 = quantiles.find(({ quantile }) => quantile === 0.5)?.value
      const gained = gain(count, (before as SummaryPoint | undefined)?.count ?? 0)
      steps.push({ timeMs, value: gained / seconds, p50: at50, p99: at99 })
    } else {
      const histogram = point as HistogramPoint | ExponentialPoint
      const earlier = cumulative ? (before as typeof histogram | undefined) : undefined
      const gained = gain(histogram.count, earlier?.count ?? 0)
      const buckets = totalBuckets(histogram, earlier)
      steps.push({
        timeMs,
        value: gained / seconds,
        p50: quantileOf(buckets, 0.5),
        p95: quantileOf(buckets, 0.95),
        p99: quantileOf(buckets, 0.99),
      })
    }
  }
  return steps
}

/** A total that fell began anew. */
function gain(after: number, before: number): number {
  return after >= before ? after - before : after
}

function bytesOf(point: AnyPoint): number {
  let bytes = 150 + 120 * point.exemplars.length
  if ('counts' in point) bytes += 8 * (point.counts.length + point.bounds.length)
  else if ('positive' in point)
    bytes += 8 * (point.positive.counts.length + point.negative.counts.length)
  else if ('quantiles' in point) bytes += 32 * point.quantiles.length
  return bytes
}
