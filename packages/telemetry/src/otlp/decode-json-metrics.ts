import {
  array,
  integer,
  millis,
  number,
  numbers,
  object,
  string,
  type Json,
} from './json-fields.ts'
import type {
  ExemplarData,
  ExponentialPoint,
  HistogramPoint,
  MetricData,
  NumberPoint,
  Scope,
  SummaryPoint,
  Values,
} from './model.ts'

type ReadAttributes = (item: Json) => Values
const cumulative = 2

/** Reads one metric; undefined where it holds no data we know. */
export function readMetric(
  item: Json,
  resource: Values,
  scope: Scope,
  attributes: ReadAttributes,
): MetricData | undefined {
  const head = {
    name: string(item, 'name'),
    unit: string(item, 'unit'),
    description: string(item, 'description'),
    resource,
    scope,
  }
  const data = (name: string): Json | undefined =>
    item[name] === undefined ? undefined : object(item[name], name)
  const points = <P>(of: Json, read: (point: Json, attributes: ReadAttributes) => P): P[] =>
    array(of, 'dataPoints').map((point) => read(point, attributes))
  const isCumulative = (of: Json): boolean => integer(of, 'aggregationTemporality') === cumulative
  const gauge = data('gauge')
  if (gauge) return { ...head, kind: 'gauge', points: points(gauge, numberPoint) }
  const sum = data('sum')
  if (sum)
    return {
      ...head,
      kind: 'sum',
      monotonic: sum['isMonotonic'] === true,
      cumulative: isCumulative(sum),
      points: points(sum, numberPoint),
    }
  const explicit = data('histogram')
  if (explicit)
    return {
      ...head,
      kind: 'histogram',
      cumulative: isCumulative(explicit),
      points: points(explicit, histogramPoint),
    }
  const exponential = data('exponentialHistogram')
  if (exponential)
    return {
      ...head,
      kind: 'exponential',
      cumulative: isCumulative(exponential),
      points: points(exponential, exponentialPoint),
    }
  const summary = data('summary')
  return summary && { ...head, kind: 'summary', points: points(summary, summaryPoint) }
}

function headOf(
  point: Json,
  attributes: ReadAttributes,
): { attributes: Values; startMs: number; timeMs: number; exemplars: ExemplarData[] } {
  return {
    attributes: attributes(point),
    startMs: millis(point, 'startTimeUnixNano'),
    timeMs: millis(point, 'timeUnixNano'),
    exemplars: array(point, 'exemplars').map((exemplar) => ({
      value: number(exemplar, 'asDouble') ?? integer(exemplar, 'asInt'),
      timeMs: millis(exemplar, 'timeUnixNano'),
      traceId: string(exemplar, 'traceId').toLowerCase(),
      spanId: string(exemplar, 'spanId').toLowerCase(),
    })),
  }
}

function numberPoint(point: Json, attributes: ReadAttributes): NumberPoint {
  const value = number(point, 'asDouble') ?? integer(point, 'asInt')
  return { ...headOf(point, attributes), value }
}

function statistics(point: Json): {
  count: number
  sum: number | undefined
  min: number | undefined
  max: number | undefined
} {
  return {
    count: integer(point, 'count'),
    sum: number(point, 'sum'),
    min: number(point, 'min'),
    max: number(point, 'max'),
  }
}

function histogramPoint(point: Json, attributes: ReadAttributes): HistogramPoint {
  return {
    ...headOf(point, attributes),
    ...statistics(point),
    bounds: numbers(point, 'explicitBounds'),
    counts: numbers(point, 'bucketCounts'),
  }
}

function exponentialPoint(point: Json, attributes: ReadAttributes): ExponentialPoint {
  const buckets = (name: string): ExponentialPoint['positive'] => {
    const of = point[name] === undefined ? {} : object(point[name], name)
    return { offset: integer(of, 'offset'), counts: numbers(of, 'bucketCounts') }
  }
  return {
    ...headOf(point, attributes),
    ...statistics(point),
    scale: integer(point, 'scale'),
    zeroCount: integer(point, 'zeroCount'),
    zeroThreshold: number(point, 'zeroThreshold') ?? 0,
    positive: buckets('positive'),
    negative: buckets('negative'),
  }
}

function summaryPoint(point: Json, attributes: ReadAttributes): SummaryPoint {
  return {
    ...headOf(point, attributes),
    count: integer(point, 'count'),
    sum: number(point, 'sum') ?? 0,
    quantiles: array(point, 'quantileValues').map((entry) => ({
      quantile: number(entry, 'quantile') ?? 0,
      value: number(entry, 'value') ?? 0,
    })),
  }
}
