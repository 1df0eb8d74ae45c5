import type { SpanStatusCode } from '@opentelemetry/api'
import { Fault } from '@spate/runtime/fault'
import type { SpanRecord } from '../span-record.ts'
import { serviceOf } from './decode-traces.ts'
import {
  attributesReadMax,
  elementsReadMax,
  ItemBudget,
  scopeOf,
  valueDepthMax,
} from './decode-values.ts'
import { readMetric } from './decode-json-metrics.ts'
import type { LogData, MetricData, Scope, Value, Values } from './model.ts'
import { array, integer, millis, number, object, string, type Json } from './json-fields.ts'

/** Reads OTLP from JSON. Unknown names are passed over; a wrong type is an `invalid_request`. */

const remoteFlag = 0x200

/** Reads an ExportTraceServiceRequest. */
export function tracesFromJson(text: string): SpanRecord[] {
  const spans: SpanRecord[] = []
  walk(parse(text), ['resourceSpans', 'scopeSpans', 'spans'], (item, resource, scope) =>
    spans.push(readSpan(item, resource, scope)),
  )
  return spans
}

/** Reads an ExportMetricsServiceRequest. */
export function metricsFromJson(text: string): MetricData[] {
  const metrics: MetricData[] = []
  walk(parse(text), ['resourceMetrics', 'scopeMetrics', 'metrics'], (item, resource, scope) => {
    const metric = readMetric(item, resource, scope, readAttributes)
    if (metric) metrics.push(metric)
  })
  return metrics
}

/** Reads an ExportLogsServiceRequest. */
export function logsFromJson(text: string): LogData[] {
  const logs: LogData[] = []
  walk(parse(text), ['resourceLogs', 'scopeLogs', 'logRecords'], (item, resource, scope) =>
    logs.push({
      timeMs: millis(item, 'timeUnixNano'),
      observedMs: millis(item, 'observedTimeUnixNano'),
      severity: integer(item, 'severityNumber'),
      severityText: string(item, 'severityText'),
      body: item['body'] === undefined ? null : readValue(object(item['body'], 'body'), 0),
      attributes: readAttributes(item),
      traceId: string(item, 'traceId').toLowerCase(),
      spanId: string(item, 'spanId').toLowerCase(),
      flags: integer(item, 'flags'),
      eventName: string(item, 'eventName'),
      resource,
      scope,
    }),
  )
  return logs
}

function parse(text: string): Json {
  try {
    return object(JSON.parse(text), 'the body')
  } catch (caught) {
    if (caught instanceof Fault) throw caught
    throw new Fault('invalid_request', 'the body is not JSON', { cause: caught })
  }
}

function walk(
  root: Json,
  [resources, scopes, leaves]: readonly [string, string, string],
  leaf: (item: Json, resource: Values, scope: Scope) => void,
): void {
  const budget = new ItemBudget()
  for (const outer of array(root, resources)) {
    const resource =
      outer['resource'] === undefined ? {} : readAttributes(object(outer['resource'], 'resource'))
    for (const inner of array(outer, scopes)) {
      const made = inner['scope'] === undefined ? {} : object(inner['scope'], 'scope')
      const attributes = made['attributes'] === undefined ? undefined : readAttributes(made)
      const scope = scopeOf(string(made, 'name'), string(made, 'version'), attributes)
      budget.take()
      for (const item of array(inner, leaves)) {
        budget.take()
        leaf(item, resource, scope)
      }
    }
  }
}

function readSpan(item: Json, resource: Values, scope: Scope): SpanRecord {
  const flags = integer(item, 'flags')
  const status = item['status'] === undefined ? {} : object(item['status'], 'status')
  const message = string(status, 'message')
  const code = Math.min(2, integer(status, 'code')) as SpanStatusCode
  return {
    traceId: string(item, 'traceId').toLowerCase(),
    spanId: string(item, 'spanId').toLowerCase(),
    parentSpanId: string(item, 'parentSpanId').toLowerCase(),
    traceState: string(item, 'traceState'),
    flags: flags & 0xff,
    remoteParent: (flags & remoteFlag) !== 0,
    name: string(item, 'name'),
    kind: Math.min(4, Math.max(0, integer(item, 'kind') - 1)),
    startMs: millis(item, 'startTimeUnixNano'),
    endMs: millis(item, 'endTimeUnixNano'),
    attributes: readAttributes(item),
    droppedAttributes: integer(item, 'droppedAttributesCount'),
    events: array(item, 'events').map((event) => ({
      name: string(event, 'name'),
      timeMs: millis(event, 'timeUnixNano'),
      attributes: readAttributes(event),
      droppedAttributes: integer(event, 'droppedAttributesCount'),
    })),
    droppedEvents: integer(item, 'droppedEventsCount'),
    links: array(item, 'links').map((link) => ({
      traceId: string(link, 'traceId').toLowerCase(),
      spanId: string(link, 'spanId').toLowerCase(),
      traceState: string(link, 'traceState'),
      attributes: readAttributes(link),
      droppedAttributes: integer(link, 'droppedAttributesCount'),
    })),
    droppedLinks: integer(item, 'droppedLinksCount'),
    status: message === '' ? { code } : { code, message },
    service: serviceOf(resource),
    resource,
    scope,
  }
}

function readAttributes(item: Json, depth = 0, field = 'attributes'): Values {
  const values: Record<string, Value> = Object.create(null) as Record<string, Value>
  for (const pair of array(item, field).slice(0, attributesReadMax))
    values[string(pair, 'key')] =
      pair['value'] === undefined ? null : readValue(object(pair['value'], 'value'), depth)
  return values
}

function readValue(value: Json, depth: number): Value {
  if (depth > valueDepthMax)
    throw new Fault('invalid_request', `values are nested deeper than ${valueDepthMax}`)
  if (value['stringValue'] !== undefined) return string(value, 'stringValue')
  if (value['boolValue'] !== undefined) return value['boolValue'] === true
  if (value['intValue'] !== undefined) return number(value, 'intValue') ?? null
  if (value['doubleValue'] !== undefined) return number(value, 'doubleValue') ?? null
  if (value['bytesValue'] !== undefined)
    return new Uint8Array(Buffer.from(string(value, 'bytesValue'), 'base64'))
  if (value['arrayValue'] !== undefined)
    return array(object(value['arrayValue'], 'arrayValue'), 'values')
      .slice(0, elementsReadMax)
      .map((element) => readValue(element, depth + 1))
  if (value['kvlistValue'] !== undefined)
    return readAttributes(object(value['kvlistValue'], 'kvlistValue'), depth + 1, 'values')
  return null
}
