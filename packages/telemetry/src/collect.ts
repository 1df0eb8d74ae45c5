import { HistogramSeries, type AnyFamily, type CounterSeries, type GaugeSeries } from './metrics.ts'
import type {
  ExemplarData,
  ExponentialPoint,
  MetricData,
  NumberPoint,
  Values,
} from './otlp/model.ts'

/**
 * The registry's state as OTLP metrics: cumulative, so that a report that was lost or sent twice
 * does no harm. Histograms go as exponential ones of at most 160 buckets.
 */

/** Metrics of `families` at wall time `timeMs`. O(series * buckets). */
export function metricsOf(
  families: readonly AnyFamily[],
  resource: Values,
  timeMs: number,
): MetricData[] {
  const metrics: MetricData[] = []
  const ordered = [...families].sort((a, b) => (a.scope < b.scope ? -1 : a.scope > b.scope ? 1 : 0))
  for (const family of ordered) {
    if (family.size === 0) continue
    const { name, unit, description, kind } = family.name
    const head = { name, unit, description, resource, scope: { name: family.scope } }
    if (kind === 'histogram') {
      const points = (family.all() as readonly HistogramSeries[]).map((series) =>
        exponentialPoint(series, timeMs),
      )
      metrics.push({ ...head, kind: 'exponential', cumulative: true, points })
      continue
    }
    const points = (family.all() as readonly (CounterSeries | GaugeSeries)[]).map((series) =>
      numberPoint(series, timeMs),
    )
    if (kind === 'gauge') metrics.push({ ...head, kind: 'gauge', points })
    else {
      const monotonic = kind === 'counter'
      metrics.push({ ...head, kind: 'sum', monotonic, cumulative: true, points })
    }
  }
  return metrics
}

function numberPoint(series: CounterSeries | GaugeSeries, timeMs: number): NumberPoint {
  const { attributes, startMs, value } = series
  return { attributes, startMs, timeMs, value, exemplars: [] }
}

/** One histogram series as an exponential point. */
export function exponentialPoint(series: HistogramSeries, timeMs: number): ExponentialPoint {
  const { histogram, attributes, startMs } = series
  const { scale, offset, counts } = histogram.written()
  const exemplars: ExemplarData[] = []
  for (const exemplar of series.exemplars) if (exemplar) exemplars.push(exemplar)
  return {
    attributes,
    startMs,
    timeMs,
    exemplars,
    count: histogram.count,
    sum: histogram.sum,
    min: histogram.count === 0 ? undefined : histogram.min,
    max: histogram.count === 0 ? undefined : histogram.max,
    scale,
    zeroCount: histogram.zeroCount,
    zeroThreshold: 0,
    positive: { offset, counts },
    negative: { offset: 0, counts: [] },
  }
}
