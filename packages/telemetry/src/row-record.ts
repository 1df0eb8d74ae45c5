import { SpanStatusCode, type Attributes, type Link } from '@opentelemetry/api'
import type { LocalTrace } from './local-trace.ts'
import type { SpanEvent, SpanLink, SpanRecord } from './span-record.ts'
import { column, placeOf, type SpanExtra, type SpanScopeName } from './span-rows.ts'
import type { SpanShape } from './span-shape.ts'
import { hexOfWord } from './trace-parent.ts'

/** The span in `row` of a kept trace as sinks take it, with what may not leave taken out. O(attributes). */
export function recordOf(local: LocalTrace, row: number): SpanRecord {
  const { gate, service, resource, rows } = local.recorder
  const page = rows.page(row)
  const at = placeOf(row)
  const extra = page.extra(at)
  const { kept, dropped } = gate.filter(attributesOf(local, row))
  const parentHigh = page.word(at, column.parentHigh)
  const parentLow = page.word(at, column.parentLow)
  const shape = page.ref(at, column.shape) as SpanShape | undefined
  const code = page.status(at)
  const message = code === SpanStatusCode.ERROR ? extra?.message : undefined
  return {
    traceId: local.traceId,
    spanId: hexOfWord(page.word(at, column.idHigh)) + hexOfWord(page.word(at, column.idLow)),
    parentSpanId:
      parentHigh === 0 && parentLow === 0 ? '' : hexOfWord(parentHigh) + hexOfWord(parentLow),
    traceState: local.keptState,
    flags: local.keptFlags,
    remoteParent: page.remoteParent(at),
    // The name of a shape is a method and a route: it comes from code.
    name: shape?.name ?? gate.text(page.ref(at, column.name) as string),
    kind: page.kind(at),
    startMs: page.time(at, column.start),
    endMs: page.time(at, column.end),
    attributes: kept,
    droppedAttributes: dropped + (extra?.droppedAttributes ?? 0),
    events: extra?.events?.map((event) => eventRecord(local, event)) ?? [],
    droppedEvents: extra?.droppedEvents ?? 0,
    links: extra?.links?.map((link) => linkRecord(local, link)) ?? [],
    droppedLinks: extra?.droppedLinks ?? 0,
    status: { code, ...(message === undefined ? {} : { message: gate.text(message) }) },
    service,
    resource,
    scope: page.ref(at, column.scope) as SpanScopeName,
  }
}

/** Everything set on the span in `row`, uncleaned. */
function attributesOf(local: LocalTrace, row: number): Attributes {
  const page = local.recorder.rows.page(row)
  const at = placeOf(row)
  const attributes: Attributes = {
    ...(page.ref(at, column.shape) as SpanShape | undefined)?.attributes,
    ...(page.ref(at, column.place) as SpanShape | undefined)?.attributes,
  }
  for (let index = 0; index < page.count(at); index++)
    attributes[page.ref(at, column.attributes + 2 * index) as string] = page.ref(
      at,
      column.attributes + 2 * index + 1,
    )
  return Object.assign(attributes, page.extra(at)?.more)
}

function eventRecord(
  local: LocalTrace,
  event: NonNullable<SpanExtra['events']>[number],
): SpanEvent {
  const { kept, dropped } = local.recorder.gate.filter(event.attributes)
  return { name: event.name, timeMs: event.timeMs, attributes: kept, droppedAttributes: dropped }
}

function linkRecord(
  local: LocalTrace,
  { context, attributes, droppedAttributesCount }: Link,
): SpanLink {
  const { kept, dropped } = local.recorder.gate.filter(attributes)
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    traceState: context.traceState?.serialize() ?? '',
    attributes: kept,
    droppedAttributes: dropped + (droppedAttributesCount ?? 0),
  }
}
