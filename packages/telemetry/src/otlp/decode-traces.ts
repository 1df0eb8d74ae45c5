import type { SpanEvent, SpanLink, SpanRecord } from '../span-record.ts'
import { AttributeReader, readEnvelope } from './decode-values.ts'
import type { Scope, Values } from './model.ts'
import type { ProtoReader } from './proto-reader.ts'

const isRemote = 0x200
/** Events, and links, of one span that are read; later ones are counted. */
const partsMax = 1024

/** Reads an ExportTraceServiceRequest. Throws `Fault('invalid_request')` where it is broken. */
export function decodeTraces(bytes: Uint8Array): SpanRecord[] {
  const spans: SpanRecord[] = []
  readEnvelope(bytes, (item, resource, scope) => spans.push(readSpan(item, resource, scope)))
  return spans
}

/** `service.name` of a resource; `unknown_service` where it has none. */
export function serviceOf(resource: Values): string {
  const name = resource['service.name']
  return typeof name === 'string' && name !== '' ? name : 'unknown_service'
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

function readSpan(reader: ProtoReader, resource: Values, scope: Scope): SpanRecord {
  const attributes = new AttributeReader()
  const events: SpanEvent[] = []
  const links: SpanLink[] = []
  const span: Writable<SpanRecord> = {
    traceId: '',
    spanId: '',
    parentSpanId: '',
    traceState: '',
    flags: 0,
    remoteParent: false,
    name: '',
    kind: 0,
    startMs: 0,
    endMs: 0,
    attributes: attributes.values,
    droppedAttributes: 0,
    events,
    droppedEvents: 0,
    links,
    droppedLinks: 0,
    status: { code: 0 },
    service: serviceOf(resource),
    resource,
    scope,
  }
  while (reader.next()) readSpanField(reader, span, attributes, events, links)
  span.droppedAttributes += attributes.dropped
  return span
}

function readSpanField(
  reader: ProtoReader,
  span: Writable<SpanRecord>,
  attributes: AttributeReader,
  events: SpanEvent[],
  links: SpanLink[],
): void {
  switch (reader.field) {
    case 1:
      span.traceId = reader.hex()
      break
    case 2:
      span.spanId = reader.hex()
      break
    case 3:
      span.traceState = reader.string()
      break
    case 4:
      span.parentSpanId = reader.hex()
      break
    case 5:
      span.name = reader.string()
      break
    case 6:
      span.kind = Math.min(4, Math.max(0, reader.uint() - 1))
      break
    case 7:
      span.startMs = reader.nanos()
      break
    case 8:
      span.endMs = reader.nanos()
      break
    case 9:
      attributes.add(reader)
      break
    case 10:
      span.droppedAttributes = reader.uint()
      break
    case 11:
      if (events.length < partsMax) events.push(readEvent(reader.message()))
      else {
        span.droppedEvents++
        reader.skip()
      }
      break
    case 12:
      span.droppedEvents += reader.uint()
      break
    case 13:
      if (links.length < partsMax) links.push(readLink(reader.message()))
      else {
        span.droppedLinks++
        reader.skip()
      }
      break
    case 14:
      span.droppedLinks += reader.uint()
      break
    case 15:
      span.status = readStatus(reader.message())
      break
    case 16:
      readFlags(span, reader.fixed32())
      break
    default:
      reader.skip()
  }
}

function readFlags(span: Writable<SpanRecord>, flags: number): void {
  span.flags = flags & 0xff
  span.remoteParent = (flags & isRemote) !== 0
}

function readEvent(reader: ProtoReader): SpanEvent {
  const attributes = new AttributeReader()
  let name = ''
  let timeMs = 0
  let dropped = 0
  while (reader.next()) {
    if (reader.field === 1) timeMs = reader.nanos()
    else if (reader.field === 2) name = reader.string()
    else if (reader.field === 3) attributes.add(reader)
    else if (reader.field === 4) dropped = reader.uint()
    else reader.skip()
  }
  const droppedAttributes = dropped + attributes.dropped
  return { name, timeMs, attributes: attributes.values, droppedAttributes }
}

function readLink(reader: ProtoReader): SpanLink {
  const attributes = new AttributeReader()
  let traceId = ''
  let spanId = ''
  let traceState = ''
  let dropped = 0
  while (reader.next()) {
    if (reader.field === 1) traceId = reader.hex()
    else if (reader.field === 2) spanId = reader.hex()
    else if (reader.field === 3) traceState = reader.string()
    else if (reader.field === 4) attributes.add(reader)
    else if (reader.field === 5) dropped = reader.uint()
    else reader.skip()
  }
  const droppedAttributes = dropped + attributes.dropped
  return { traceId, spanId, traceState, attributes: attributes.values, droppedAttributes }
}

function readStatus(reader: ProtoReader): SpanRecord['status'] {
  let message = ''
  let code = 0
  while (reader.next()) {
    if (reader.field === 2) message = reader.string()
    else if (reader.field === 3) code = Math.min(2, reader.uint())
    else reader.skip()
  }
  return message === '' ? { code: code } : { code: code, message }
}
