import type { SpanRecord } from '../span-record.ts'
import type { ExemplarData, LogData, MetricData, Scope, Value, Values } from './model.ts'

/**
 * OTLP as JSON (proto3 JSON with two changes of OTLP's own): ids are hex, 64-bit whole numbers are
 * texts, enums are numbers.
 */

const remoteFlags = 0x300
const knownFlag = 0x100

/** Spans as an ExportTraceServiceRequest. */
export function tracesJson(spans: readonly SpanRecord[]): object {
  return {
    resourceSpans: grouped(spans, 'scopeSpans', 'spans', (span) => ({
      traceId: span.traceId,
      spanId: span.spanId,
      ...text('traceState', span.traceState),
      ...text('parentSpanId', span.parentSpanId),
      name: span.name,
      kind: span.kind + 1,
      startTimeUnixNano: nanos(span.startMs),
      endTimeUnixNano: nanos(span.endMs),
      attributes: attributesJson(span.attributes),
      ...count('droppedAttributesCount', span.droppedAttributes),
      events: span.events.map((event) => ({
        timeUnixNano: nanos(event.timeMs),
        name: event.name,
        attributes: attributesJson(event.attributes),
        ...count('droppedAttributesCount', event.droppedAttributes),
      })),
      ...count('droppedEventsCount', span.droppedEvents),
      links: span.links.map((link) => ({
        traceId: link.traceId,
        spanId: link.spanId,
        ...text('traceState', link.traceState),
        attributes: attributesJson(link.attributes),
        ...count('droppedAttributesCount', link.droppedAttributes),
      })),
      ...count('droppedLinksCount', span.droppedLinks),
      status: { ...text('message', span.status.message ?? ''), ...count('code', span.status.code) },
      flags: span.flags | (span.remoteParent ? remoteFlags : knownFlag),
    })),
  }
}

/** Metrics as an ExportMetricsServiceRequest. */
export function metricsJson(metrics: readonly MetricData[]): object {
  return {
    resourceMetrics: grouped(metrics, 'scopeMetrics', 'metrics', (metric) => ({
      name: metric.name,
      ...text('description', metric.description),
      ...text('unit', metric.unit),
      ...metricBody(metric),
    })),
  }
}

/** Log records as an ExportLogsServiceRequest. */
export function logsJson(logs: readonly LogData[]): object {
  return {
    resourceLogs: grouped(logs, 'scopeLogs', 'logRecords', (log) => ({
      ...(log.timeMs > 0 ? { timeUnixNano: nanos(log.timeMs) } : {}),
      ...(log.observedMs > 0 ? { observedTimeUnixNano: nanos(log.observedMs) } : {}),
      ...count('severityNumber', log.severity),
      ...text('severityText', log.severityText),
      ...(log.body === null ? {} : { body: valueJson(log.body) }),
      attributes: attributesJson(log.attributes),
      ...count('flags', log.flags),
      ...text('traceId', log.traceId),
      ...text('spanId', log.spanId),
      ...text('eventName', log.eventName),
    })),
  }
}

function grouped<Item extends { readonly resource: Values; readonly scope: Scope }>(
  items: readonly Item[],
  scopes: string,
  leaves: string,
  leaf: (item: Item) => object,
): object[] {
  const resources = new Map<Values, Map<Scope, object[]>>()
  for (const item of items) {
    const scoped = resources.get(item.resource) ?? new Map<Scope, object[]>()
    resources.set(item.resource, scoped)
    const group = scoped.get(item.scope) ?? []
    scoped.set(item.scope, group)
    group.push(leaf(item))
  }
  return [...resources].map(([resource, scoped]) => ({
    resource: { attributes: attributesJson(resource) },
    [scopes]: [...scoped].map(([scope, group]) => ({
      scope: {
        name: scope.name,
        ...text('version', scope.version ?? ''),
        ...(scope.attributes ? { attributes: attributesJson(scope.attributes) } : {}),
      },
      [leaves]: group,
    })),
  }))
}

function metricBody(metric: MetricData): object {
  const aggregationTemporality = 'cumulative' in metric && metric.cumulative ? 2 : 1
  switch (metric.kind) {
    case 'gauge':
      return { gauge: { dataPoints: metric.points.map(numberJson) } }
    case 'sum': {
      const dataPoints = metric.points.map(numberJson)
      return { sum: { dataPoints, aggregationTemporality, isMonotonic: metric.monotonic } }
    }
    case 'histogram': {
      const dataPoints = metric.points.map((point) => ({
        ...pointJson(point),
        count: String(point.count),
        ...statistics(point),
        bucketCounts: point.counts.map(String),
        explicitBounds: Array.from(point.bounds, double),
        exemplars: point.exemplars.map(exemplarJson),
      }))
      return { histogram: { dataPoints, aggregationTemporality } }
    }
    case 'exponential': {
      const dataPoints = metric.points.map((point) => ({
        ...pointJson(point),
        count: String(point.count),
        ...statistics(point),
        scale: point.scale,
        zeroCount: String(point.zeroCount),
        positive: bucketsJson(point.positive),
        negative: bucketsJson(point.negative),
        exemplars: point.exemplars.map(exemplarJson),
        ...(point.zeroThreshold > 0 ? { zeroThreshold: point.zeroThreshold } : {}),
      }))
      return { exponentialHistogram: { dataPoints, aggregationTemporality } }
    }
    case 'summary': {
      const dataPoints = metric.points.map((point) => ({
        ...pointJson(point),
        count: String(point.count),
        sum: double(point.sum),
        quantileValues: point.quantiles.map(({ quantile, value }) => ({
          quantile: double(quantile),
          value: double(value),
        })),
      }))
      return { summary: { dataPoints } }
    }
  }
}

interface PointHead {
  readonly attributes: Values
  readonly startMs: number
  readonly timeMs: number
}

function pointJson(point: PointHead): object {
  return {
    attributes: attributesJson(point.attributes),
    ...(point.startMs > 0 ? { startTimeUnixNano: nanos(point.startMs) } : {}),
    timeUnixNano: nanos(point.timeMs),
  }
}

function numberJson(
  point: PointHead & { readonly value: number; readonly exemplars: readonly ExemplarData[] },
): object {
  return {
    ...pointJson(point),
    asDouble: double(point.value),
    exemplars: point.exemplars.map(exemplarJson),
  }
}

function statistics(point: {
  readonly sum: number | undefined
  readonly min: number | undefined
  readonly max: number | undefined
}): object {
  return {
    ...(point.sum === undefined ? {} : { sum: double(point.sum) }),
    ...(point.min === undefined ? {} : { min: double(point.min) }),
    ...(point.max === undefined ? {} : { max: double(point.max) }),
  }
}

function bucketsJson(buckets: {
  readonly offset: number
  readonly counts: ArrayLike<number>
}): object {
  return { offset: buckets.offset, bucketCounts: Array.from(buckets.counts, String) }
}

function exemplarJson(exemplar: ExemplarData): object {
  const { value, timeMs, traceId, spanId } = exemplar
  return { timeUnixNano: nanos(timeMs), asDouble: double(value), traceId, spanId }
}

function attributesJson(values: Values): object[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: valueJson(value) }))
}

function valueJson(value: Value): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number')
    return Number.isSafeInteger(value)
      ? { intValue: String(value) }
      : { doubleValue: double(value) }
  if (value === null) return {}
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(valueJson) } }
  return { kvlistValue: { values: attributesJson(value as Values) } }
}

/** A double; what JSON has no number for is a text (proto3 JSON mapping). */
function double(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}

/** ms since the epoch as a text of ns. */
function nanos(ms: number): string {
  const whole = Math.floor(ms)
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6)))
}

function text(name: string, value: string): object {
  return value === '' ? {} : { [name]: value }
}

function count(name: string, value: number): object {
  return value === 0 ? {} : { [name]: value }
}
