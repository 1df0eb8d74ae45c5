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

/** Series turned into points in one go by `metricSlicesOf`. */
export const sliceSeriesMax = 64

/**
 * The metrics of `families` in slices of at most `sliceSeriesMax` series, each made when it is asked
 * for, so that a program with many series can give way in between.
 */
export function* metricSlicesOf(
  families: readonly AnyFamily[],
  resource: Values,
  timeMs: number,
): Generator<MetricData> {
  for (const family of families) {
    const series = family.all()
    for (let at = 0; at < series.length; at += sliceSeriesMax)
      yield metricOf(family, series.slice(at, at + sliceSeriesMax), resource, timeMs)
  }
}

/** Metrics of `families` at wall time `timeMs`. O(series * buckets). */
export function metricsOf(
  families: readonly AnyFamily[],
  resource: Values,
  timeMs: number,
): MetricData[] {
  const metrics: MetricData[] = []
  const ordered = [...families].sort((a, b) => (a.scope < b.scope ? -1 : a.scope > b.scope ? 1 : 0))
  for (const family of ordered)
    if (family.size > 0) metrics.push(metricOf(family, family.all(), resource, timeMs))
  return metrics
}

function metricOf(
  family: AnyFamily,
  series: readonly (HistogramSeries | CounterSeries | GaugeSeries)[],
  resource: Values,
  timeMs: number,
): MetricData {
  const { name, unit, description, kind } = family.name
  const head = { name, unit, description, resource, scope: { name: family.scope } }
  if (kind === 'histogram') {
    const points = (series as readonly HistogramSeries[]).map((one) =>
      exponentialPoint(one, timeMs),
    )
    return { ...head, kind: 'exponential', cumulative: true, points }
  }
  const points = (series as readonly (CounterSeries | GaugeSeries)[]).map((one) =>
    numberPoint(one, timeMs),
  )
  if (kind === 'gauge') return { ...head, kind: 'gauge', points }
  return { ...head, kind: 'sum', monotonic: kind === 'counter', cumulative: true, points }
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
