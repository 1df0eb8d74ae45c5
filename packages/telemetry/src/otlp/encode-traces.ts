import { SpanStatusCode } from '@opentelemetry/api'
import type { SpanRecord } from '../span-record.ts'
import { writeAttributes, writeResource, writeScope } from './encode-values.ts'
import { ProtoWriter } from './proto-writer.ts'

/**
 * Spans as the bytes of an OTLP ExportTraceServiceRequest (opentelemetry/proto/trace/v1).
 * Runs of spans with one resource and one scope share their headers.
 */

const writer = new ProtoWriter()

/** Bit of a span's flags that says whether its parent is known to be remote (trace.proto). */
const knowsRemote = 0x100
const isRemote = 0x200

/** Encodes `spans` [from, to). O(attributes). */
export function encodeTraces(
  spans: readonly SpanRecord[],
  from = 0,
  to: number = spans.length,
): Uint8Array {
  let at = from
  while (at < to) {
    const { resource } = spans[at] as SpanRecord
    const resourceMark = writer.open(1, 3)
    writeResource(writer, resource)
    while (at < to && (spans[at] as SpanRecord).resource === resource) {
      const { scope } = spans[at] as SpanRecord
      const scopeMark = writer.open(2, 3)
      writeScope(writer, scope)
      for (; at < to; at++) {
        const span = spans[at] as SpanRecord
        if (span.resource !== resource || span.scope !== scope) break
        writeSpan(span)
      }
      writer.close(scopeMark)
    }
    writer.close(resourceMark)
  }
  return writer.finish()
}

/** One span as the `spans` field of a ScopeSpans message. O(attributes). */
export function encodeSpan(span: SpanRecord): Uint8Array {
  writeSpan(span)
  return writer.finish()
}

function writeSpan(span: SpanRecord): void {
  const mark = writer.open(2, 2)
  writer.hex(1, span.traceId)
  writer.hex(2, span.spanId)
  writer.string(3, span.traceState)
  writer.hex(4, span.parentSpanId)
  writer.string(5, span.name)
  writer.uint(6, span.kind + 1)
  writer.nanos(7, span.startMs)
  writer.nanos(8, span.endMs)
  writeAttributes(writer, 9, span.attributes)
  writer.uint(10, span.droppedAttributes)
  for (const event of span.events) {
    const eventMark = writer.open(11)
    writer.nanos(1, event.timeMs)
    writer.string(2, event.name)
    writeAttributes(writer, 3, event.attributes)
    writer.uint(4, event.droppedAttributes)
    writer.close(eventMark)
  }
  writer.uint(12, span.droppedEvents)
  for (const link of span.links) {
    const linkMark = writer.open(13)
    writer.hex(1, link.traceId)
    writer.hex(2, link.spanId)
    writer.string(3, link.traceState)
    writeAttributes(writer, 4, link.attributes)
    writer.uint(5, link.droppedAttributes)
    writer.close(linkMark)
  }
  writer.uint(14, span.droppedLinks)
  if (span.status.code !== SpanStatusCode.UNSET) {
    const statusMark = writer.open(15)
    writer.string(2, span.status.message ?? '')
    writer.uint(3, span.status.code)
    writer.close(statusMark)
  }
  writer.fixed32(16, span.flags | knowsRemote | (span.remoteParent ? isRemote : 0))
  writer.close(mark)
}
