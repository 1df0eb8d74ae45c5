import type { LogRecord, LogValue } from '@spate/runtime/log'
import { severities } from '@spate/runtime/log'
import type { LogData, Value, Values } from './otlp/model.ts'

/**
 * Our own log records in OTLP's form. Take secrets out before (`privateSink`): what is here leaves.
 */

/** `record` of the program described by `resource`. */
export function logDataOf(record: LogRecord, resource: Values): LogData {
  return {
    timeMs: record.timeMs,
    observedMs: record.timeMs,
    severity: severities[record.severity],
    severityText: record.severity.toUpperCase(),
    body: record.message,
    attributes: valuesOf(record.fields),
    traceId: record.traceId ?? '',
    spanId: record.spanId ?? '',
    flags: record.traceId === undefined ? 0 : 1,
    eventName: '',
    resource,
    scope: scopeOf(record.name),
  }
}

function valuesOf(fields: Readonly<Record<string, LogValue>>): Values {
  const values: Record<string, Value> = {}
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) values[name] = value
  return values
}

const scopes = new Map<string, { readonly name: string }>()
const scopesMax = 1000

/** One object a name, so that the encoder writes it once for a run of records. */
function scopeOf(name: string): { readonly name: string } {
  const known = scopes.get(name)
  if (known) return known
  const scope = Object.freeze({ name })
  if (scopes.size < scopesMax) scopes.set(name, scope)
  return scope
}
