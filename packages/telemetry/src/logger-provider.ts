import type { TimeInput } from '@opentelemetry/api'
import type { Logger, LoggerProvider, LogRecord } from '@opentelemetry/api-logs'
import type { Clock } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import { hiddenText, isSecretName, withoutSecretText } from '@spate/runtime/log-privacy'
import { activeContext, spanOf } from './context.ts'
import type { LogData, Scope, Value, Values } from './otlp/model.ts'

/**
 * `@opentelemetry/api-logs` in front of our logs: what a library's log appender emits becomes a
 * record with the ids of the active span, without secrets, and goes to the sink it was given.
 */

/** Attributes of one record; later ones are left out. */
export const logAttributesMax = 64
const depthMax = 4

/** How to provide loggers. */
export interface LoggerProviderOptions {
  readonly clock: Clock
  readonly resource: Values
  /** Takes records; must not throw or wait: `exporter.logs`, `logStore.sink`. */
  readonly sink: (records: readonly LogData[]) => void
}

/** A provider for `logs.setGlobalLoggerProvider`. */
export function loggerProvider(options: LoggerProviderOptions): LoggerProvider {
  return {
    getLogger: (name, version): Logger => {
      const scope = Object.freeze({ name, ...(version === undefined ? {} : { version }) })
      return {
        emit: (record) => options.sink([logDataOf(record, scope, options)]),
        enabled: () => true,
      }
    },
  }
}

function logDataOf(record: LogRecord, scope: Scope, options: LoggerProviderOptions): LogData {
  const nowMs = options.clock.now()
  const span = spanOf(record.context ?? activeContext())?.spanContext()
  const attributes: Record<string, Value> = {}
  for (const [name, value] of Object.entries(record.attributes ?? {}).slice(0, logAttributesMax))
    if (value !== undefined) attributes[name] = named(name, value, 0)
  if (record.exception !== undefined) {
    const { exception } = record
    const error = exception instanceof Error ? exception : new Error(errorText(exception))
    attributes['exception.type'] ??= error.name
    attributes['exception.message'] ??= withoutSecretText(error.message)
    if (error.stack !== undefined) attributes['exception.stacktrace'] ??= plain(error.stack, 0)
  }
  return {
    timeMs: timeOf(record.timestamp) ?? nowMs,
    observedMs: timeOf(record.observedTimestamp) ?? nowMs,
    severity: record.severityNumber ?? 0,
    severityText: record.severityText ?? '',
    body: plain(record.body, 0),
    attributes,
    traceId: span?.traceId ?? '',
    spanId: span?.spanId ?? '',
    flags: span?.traceFlags ?? 0,
    eventName: record.eventName ?? '',
    resource: options.resource,
    scope,
  }
}

function timeOf(time: TimeInput | undefined): number | undefined {
  if (time === undefined) return undefined
  if (Array.isArray(time)) return time[0] * 1000 + time[1] / 1e6
  return time instanceof Date ? time.getTime() : time
}

function named(name: string, value: unknown, depth: number): Value {
  return isSecretName(name) ? hiddenText : plain(value, depth)
}

function plain(value: unknown, depth: number): Value {
  if (typeof value === 'string') return withoutSecretText(value)
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (value === null || value === undefined || depth >= depthMax) return null
  if (value instanceof Uint8Array) return value
  if (Array.isArray(value))
    return value.slice(0, logAttributesMax).map((each) => plain(each, depth + 1))
  if (typeof value !== 'object') return null
  const entries = Object.entries(value).slice(0, logAttributesMax)
  return Object.fromEntries(entries.map(([name, each]) => [name, named(name, each, depth + 1)]))
}
