import { writeAttributes, writeResource, writeScope } from './encode-values.ts'
import type {
  ExemplarData,
  ExponentialPoint,
  HistogramPoint,
  MetricData,
  NumberPoint,
  SummaryPoint,
} from './model.ts'
import { ProtoWriter } from './proto-writer.ts'

/** Metrics as the bytes of an OTLP ExportMetricsServiceRequest (opentelemetry/proto/metrics/v1). */

const writer = new ProtoWriter()
const delta = 1
const cumulative = 2

/** Encodes `metrics`. O(points). */
export function encodeMetrics(metrics: readonly MetricData[]): Uint8Array {
  let at = 0
  while (at < metrics.length) {
    const { resource } = metrics[at] as MetricData
    const resourceMark = writer.open(1, 3)
    writeResource(writer, resource)
    while (at < metrics.length && (metrics[at] as MetricData).resource === resource) {
      const { scope } = metrics[at] as MetricData
      const scopeMark = writer.open(2, 3)
      writeScope(writer, scope)
      for (; at < metrics.length; at++) {
        const metric = metrics[at] as MetricData
        if (metric.resource !== resource || metric.scope.name !== scope.name) break
        writeMetric(metric)
      }
      writer.close(scopeMark)
    }
    writer.close(resourceMark)
  }
  return writer.finish()
}

function writeMetric(metric: MetricData): void {
  const mark = writer.open(2, 3)
  writer.string(1, metric.name)
  writer.string(2, metric.description)
  writer.string(3, metric.unit)
  switch (metric.kind) {
    case 'gauge': {
      const inner = writer.open(5, 3)
      for (const point of metric.points) writeNumber(point)
      writer.close(inner)
      break
    }
    case 'sum': {
      const inner = writer.open(7, 3)
      for (const point of metric.points) writeNumber(point)
      writer.uint(2, metric.cumulative ? cumulative : delta)
      if (metric.monotonic) writer.bool(3, true)
      writer.close(inner)
      break
    }
    case 'histogram': {
      const inner = writer.open(9, 3)
      for (const point of metric.points) writeHistogram(point)
      writer.uint(2, metric.cumulative ? cumulative : delta)
      writer.close(inner)
      break
    }
    case 'exponential': {
      const inner = writer.open(10, 3)
      for (const point of metric.points) writeExponential(point)
      writer.uint(2, metric.cumulative ? cumulative : delta)
      writer.close(inner)
      break
    }
    case 'summary': {
      const inner = writer.open(11, 3)
      for (const point of metric.points) writeSummary(point)
      writer.close(inner)
    }
  }
  writer.close(mark)
}

function writeNumber(point: NumberPoint): void {
  const mark = writer.open(1)
  writeTimes(point.startMs, point.timeMs)
  writer.double(4, point.value)
  writeExemplars(5, point.exemplars)
  writeAttributes(writer, 7, point.attributes)
  writer.close(mark)
}

function writeHistogram(point: HistogramPoint): void {
  const mark = writer.open(1, 2)
  writeTimes(point.startMs, point.timeMs)
  writer.fixed64(4, point.count)
  if (point.sum !== undefined) writer.double(5, point.sum)
  writer.packedFixed64(6, point.counts)
  writer.packedDouble(7, point.bounds)
  writeExemplars(8, point.exemplars)
  writeAttributes(writer, 9, point.attributes)
  if (point.min !== undefined) writer.double(11, point.min)
  if (point.max !== undefined) writer.double(12, point.max)
  writer.close(mark)
}

function writeExponential(point: ExponentialPoint): void {
  const mark = writer.open(1, 2)
  writeAttributes(writer, 1, point.attributes)
  writeTimes(point.startMs, point.timeMs)
  writer.fixed64(4, point.count)
  if (point.sum !== undefined) writer.double(5, point.sum)
  writer.zigzag(6, point.scale)
  if (point.zeroCount > 0) writer.fixed64(7, point.zeroCount)
  writeBuckets(8, point.positive)
  writeBuckets(9, point.negative)
  writeExemplars(11, point.exemplars)
  if (point.min !== undefined) writer.double(12, point.min)
  if (point.max !== undefined) writer.double(13, point.max)
  if (point.zeroThreshold > 0) writer.double(14, point.zeroThreshold)
  writer.close(mark)
}

function writeBuckets(field: number, buckets: ExponentialPoint['positive']): void {
  if (buckets.counts.length === 0) return
  const mark = writer.open(field, 2)
  writer.zigzag(1, buckets.offset)
  writer.packedVarint(2, buckets.counts)
  writer.close(mark)
}

function writeSummary(point: SummaryPoint): void {
  const mark = writer.open(1)
  writeTimes(point.startMs, point.timeMs)
  writer.fixed64(4, point.count)
  writer.double(5, point.sum)
  for (const { quantile, value } of point.quantiles) {
    const inner = writer.open(6)
    writer.double(1, quantile)
    writer.double(2, value)
    writer.close(inner)
  }
  writeAttributes(writer, 7, point.attributes)
  writer.close(mark)
}

function writeTimes(startMs: number, timeMs: number): void {
  if (startMs > 0) writer.nanos(2, startMs)
  writer.nanos(3, timeMs)
}

function writeExemplars(field: number, exemplars: readonly ExemplarData[]): void {
  for (const exemplar of exemplars) {
    const mark = writer.open(field)
    writer.nanos(2, exemplar.timeMs)
    writer.double(3, exemplar.value)
    writer.hex(4, exemplar.spanId)
    writer.hex(5, exemplar.traceId)
    writer.close(mark)
  }
}
