import { AttributeReader, readEnvelope, readValue } from './decode-values.ts'
import type { LogData, Scope, Value, Values } from './model.ts'
import type { ProtoReader } from './proto-reader.ts'

/** Reads an ExportLogsServiceRequest. Throws `Fault('invalid_request')` where it is broken. */
export function decodeLogs(bytes: Uint8Array): LogData[] {
  const logs: LogData[] = []
  readEnvelope(bytes, (item, resource, scope) => logs.push(readLog(item, resource, scope)))
  return logs
}

function readLog(reader: ProtoReader, resource: Values, scope: Scope): LogData {
  const attributes = new AttributeReader()
  const log = {
    timeMs: 0,
    observedMs: 0,
    severity: 0,
    severityText: '',
    body: null as Value,
    traceId: '',
    spanId: '',
    flags: 0,
    eventName: '',
  }
  while (reader.next()) {
    if (reader.field === 1) log.timeMs = reader.nanos()
    else if (reader.field === 2) log.severity = reader.uint()
    else if (reader.field === 3) log.severityText = reader.string()
    else if (reader.field === 5) log.body = readValue(reader)
    else if (reader.field === 6) attributes.add(reader)
    else if (reader.field === 8) log.flags = reader.fixed32()
    else if (reader.field === 9) log.traceId = reader.hex()
    else if (reader.field === 10) log.spanId = reader.hex()
    else if (reader.field === 11) log.observedMs = reader.nanos()
    else if (reader.field === 12) log.eventName = reader.string()
    else reader.skip()
  }
  return { ...log, attributes: attributes.values, resource, scope }
}
