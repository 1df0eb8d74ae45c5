import { writeAttributes, writeResource, writeScope, writeValue } from './encode-values.ts'
import type { LogData } from './model.ts'
import { ProtoWriter } from './proto-writer.ts'

/** Log records as the bytes of an OTLP ExportLogsServiceRequest (opentelemetry/proto/logs/v1). */

const writer = new ProtoWriter()

/** Encodes `logs`. O(attributes). */
export function encodeLogs(logs: readonly LogData[]): Uint8Array {
  let at = 0
  while (at < logs.length) {
    const { resource } = logs[at] as LogData
    const resourceMark = writer.open(1, 3)
    writeResource(writer, resource)
    while (at < logs.length && (logs[at] as LogData).resource === resource) {
      const { scope } = logs[at] as LogData
      const scopeMark = writer.open(2, 3)
      writeScope(writer, scope)
      for (; at < logs.length; at++) {
        const log = logs[at] as LogData
        if (log.resource !== resource || log.scope.name !== scope.name) break
        writeLog(log)
      }
      writer.close(scopeMark)
    }
    writer.close(resourceMark)
  }
  return writer.finish()
}

function writeLog(log: LogData): void {
  const mark = writer.open(2, 2)
  if (log.timeMs > 0) writer.nanos(1, log.timeMs)
  writer.uint(2, log.severity)
  writer.string(3, log.severityText)
  if (log.body !== null) writeValue(writer, 5, log.body)
  writeAttributes(writer, 6, log.attributes)
  writer.fixed32(8, log.flags)
  writer.hex(9, log.traceId)
  writer.hex(10, log.spanId)
  if (log.observedMs > 0) writer.nanos(11, log.observedMs)
  writer.string(12, log.eventName)
  writer.close(mark)
}
