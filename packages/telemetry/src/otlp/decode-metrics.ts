import { AttributeReader, ItemBudget, readEnvelope } from './decode-values.ts'
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
import type { ProtoReader } from './proto-reader.ts'

const cumulative = 2
/** Exemplars of one point that are read; later ones are passed over. */
const exemplarsReadMax = 256

/** Reads an ExportMetricsServiceRequest. Throws `Fault('invalid_request')` where it is broken. */
export function decodeMetrics(bytes: Uint8Array): MetricData[] {
  const metrics: MetricData[] = []
  const budget = new ItemBudget()
  const read = (item: ProtoReader, resource: Values, scope: Scope): void => {
    let name = ''
    let unit = ''
    let description = ''
    let body: MetricBody | undefined
    while (item.next()) {
      if (item.field === 1) name = item.string()
      else if (item.field === 2) description = item.string()
      else if (item.field === 3) unit = item.string()
      else body = readBody(item, budget) ?? body
    }
    if (body) metrics.push({ name, unit, description, resource, scope, ...body })
  }
  readEnvelope(bytes, read, budget)
  return metrics
}

type MetricBody =
  | { readonly kind: 'gauge'; readonly points: NumberPoint[] }
  | {
      readonly kind: 'sum'
      readonly monotonic: boolean
      readonly cumulative: boolean
      readonly points: NumberPoint[]
    }
  | {
      readonly kind: 'histogram'
      readonly cumulative: boolean
      readonly points: HistogramPoint[]
    }
  | {
      readonly kind: 'exponential'
      readonly cumulative: boolean
      readonly points: ExponentialPoint[]
    }
  | { readonly kind: 'summary'; readonly points: SummaryPoint[] }

function readBody(item: ProtoReader, budget: ItemBudget): MetricBody | undefined {
  switch (item.field) {
    case 5:
      return { kind: 'gauge', points: readPoints(item, readNumber, budget).points }
    case 7: {
      const { points, temporality, monotonic } = readPoints(item, readNumber, budget)
      return { kind: 'sum', monotonic, cumulative: temporality === cumulative, points }
    }
    case 9: {
      const { points, temporality } = readPoints(item, readHistogram, budget)
      return { kind: 'histogram', cumulative: temporality === cumulative, points }
    }
    case 10: {
      const { points, temporality } = readPoints(item, readExponential, budget)
      return { kind: 'exponential', cumulative: temporality === cumulative, points }
    }
    case 11:
      return { kind: 'summary', points: readPoints(item, readSummary, budget).points }
    default:
      item.skip()
      return undefined
  }
}

function readPoints<P>(
  item: ProtoReader,
  read: (reader: ProtoReader) => P,
  budget: ItemBudget,
): { points: P[]; temporality: number; monotonic: boolean } {
  const inner = item.message()
  const points: P[] = []
  let temporality = 0
  let monotonic = false
  while (inner.next()) {
    if (inner.field === 1) {
      budget.take()
      points.push(read(inner.message()))
    } else if (inner.field === 2) temporality = inner.uint()
    else if (inner.field === 3) monotonic = inner.bool()
    else inner.skip()
  }
  return { points, temporality, monotonic }
}

function readNumber(reader: ProtoReader): NumberPoint {
  const attributes = new AttributeReader()
  const exemplars: ExemplarData[] = []
  let startMs = 0
  let timeMs = 0
  let value = 0
  while (reader.next()) {
    if (reader.field === 2) startMs = reader.nanos()
    else if (reader.field === 3) timeMs = reader.nanos()
    else if (reader.field === 4) value = reader.double()
    else if (reader.field === 5 && exemplars.length < exemplarsReadMax)
      exemplars.push(readExemplar(reader.message()))
    else if (reader.field === 6) value = reader.sfixed64()
    else if (reader.field === 7) attributes.add(reader)
    else reader.skip()
  }
  return { attributes: attributes.values, startMs, timeMs, value, exemplars }
}

function readHistogram(reader: ProtoReader): HistogramPoint {
  const attributes = new AttributeReader()
  const exemplars: ExemplarData[] = []
  const counts: number[] = []
  const bounds: number[] = []
  let startMs = 0
  let timeMs = 0
  let count = 0
  let sum: number | undefined
  let min: number | undefined
  let max: number | undefined
  while (reader.next()) {
    if (reader.field === 2) startMs = reader.nanos()
    else if (reader.field === 3) timeMs = reader.nanos()
    else if (reader.field === 4) count = reader.fixed64()
    else if (reader.field === 5) sum = reader.double()
    else if (reader.field === 6) reader.fixed64s(counts)
    else if (reader.field === 7) reader.doubles(bounds)
    else if (reader.field === 8 && exemplars.length < exemplarsReadMax)
      exemplars.push(readExemplar(reader.message()))
    else if (reader.field === 9) attributes.add(reader)
    else if (reader.field === 11) min = reader.double()
    else if (reader.field === 12) max = reader.double()
    else reader.skip()
  }
  const head = { attributes: attributes.values, startMs, timeMs, exemplars }
  return { ...head, count, sum, min, max, bounds, counts }
}

function readExponential(reader: ProtoReader): ExponentialPoint {
  const attributes = new AttributeReader()
  const exemplars: ExemplarData[] = []
  const none = { offset: 0, counts: [] }
  const point = {
    startMs: 0,
    timeMs: 0,
    count: 0,
    sum: undefined as number | undefined,
    min: undefined as number | undefined,
    max: undefined as number | undefined,
    scale: 0,
    zeroCount: 0,
    zeroThreshold: 0,
    positive: none as ExponentialPoint['positive'],
    negative: none as ExponentialPoint['negative'],
  }
  while (reader.next()) {
    if (reader.field === 1) attributes.add(reader)
    else if (reader.field === 2) point.startMs = reader.nanos()
    else if (reader.field === 3) point.timeMs = reader.nanos()
    else if (reader.field === 4) point.count = reader.fixed64()
    else if (reader.field === 5) point.sum = reader.double()
    else if (reader.field === 6) point.scale = reader.zigzag()
    else if (reader.field === 7) point.zeroCount = reader.fixed64()
    else if (reader.field === 8) point.positive = readBuckets(reader.message())
    else if (reader.field === 9) point.negative = readBuckets(reader.message())
    else if (reader.field === 11) exemplars.push(readExemplar(reader.message()))
    else if (reader.field === 12) point.min = reader.double()
    else if (reader.field === 13) point.max = reader.double()
    else if (reader.field === 14) point.zeroThreshold = reader.double()
    else reader.skip()
  }
  return { attributes: attributes.values, exemplars, ...point }
}

function readBuckets(reader: ProtoReader): { offset: number; counts: number[] } {
  let offset = 0
  const counts: number[] = []
  while (reader.next()) {
    if (reader.field === 1) offset = reader.zigzag()
    else if (reader.field === 2) reader.varints(counts)
    else reader.skip()
  }
  return { offset, counts }
}

function readSummary(reader: ProtoReader): SummaryPoint {
  const attributes = new AttributeReader()
  const quantiles: { quantile: number; value: number }[] = []
  let startMs = 0
  let timeMs = 0
  let count = 0
  let sum = 0
  while (reader.next()) {
    if (reader.field === 2) startMs = reader.nanos()
    else if (reader.field === 3) timeMs = reader.nanos()
    else if (reader.field === 4) count = reader.fixed64()
    else if (reader.field === 5) sum = reader.double()
    else if (reader.field === 6) {
      const inner = reader.message()
      const entry = { quantile: 0, value: 0 }
      while (inner.next()) {
        if (inner.field === 1) entry.quantile = inner.double()
        else if (inner.field === 2) entry.value = inner.double()
        else inner.skip()
      }
      quantiles.push(entry)
    } else if (reader.field === 7) attributes.add(reader)
    else reader.skip()
  }
  const head = { attributes: attributes.values, startMs, timeMs, exemplars: [] }
  return { ...head, count, sum, quantiles }
}

function readExemplar(reader: ProtoReader): ExemplarData {
  let value = 0
  let timeMs = 0
  let traceId = ''
  let spanId = ''
  while (reader.next()) {
    if (reader.field === 2) timeMs = reader.nanos()
    else if (reader.field === 3) value = reader.double()
    else if (reader.field === 4) spanId = reader.hex()
    else if (reader.field === 5) traceId = reader.hex()
    else if (reader.field === 6) value = reader.sfixed64()
    else reader.skip()
  }
  return { value, timeMs, traceId, spanId }
}
