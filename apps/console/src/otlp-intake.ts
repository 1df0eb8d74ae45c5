import { errorText } from '@spate/runtime/fault'
import type { Log, LogRecord, LogSink, LogValue, Severity } from '@spate/runtime/log'
import type { LogData } from '@spate/telemetry/model'
import { startReceiver, type Receiver } from '@spate/telemetry/receiver'
import type { TraceStore } from '@spate/telemetry/trace-store'

/** How to take OTLP from other programs. */
export interface OtlpIntakeOptions {
  readonly host: string
  readonly grpcPort: number
  readonly httpPort: number
  readonly traces: TraceStore
  readonly logs: LogSink
  readonly log: Log
}

/**
 * Opens the OTLP ports: any program may send traces and logs to the console. Undefined where a port
 * is taken, by a Collector say: the console is of use without, so that is a warning.
 */
export async function openOtlpIntake(options: OtlpIntakeOptions): Promise<Receiver | undefined> {
  const { host, grpcPort, httpPort, traces, logs, log } = options
  try {
    return await startReceiver({
      host,
      grpcPort,
      httpPort,
      log,
      sinks: {
        spans: traces.sink,
        logs: (records) => {
          for (const record of records) logs(logRecordOf(record))
        },
      },
    })
  } catch (caught) {
    log.warn('OTLP is not taken in: a port is in use', {
      grpcPort,
      httpPort,
      error: errorText(caught),
    })
    return undefined
  }
}

/** An OTLP log record as our own logs are. */
function logRecordOf(data: LogData): LogRecord {
  const service = data.resource['service.name']
  const fields: Record<string, LogValue> = {}
  for (const [key, value] of Object.entries(data.attributes)) fields[key] = plain(value)
  return {
    timeMs: data.timeMs || data.observedMs,
    severity: severityOf(data.severity),
    name: typeof service === 'string' ? service : 'unknown',
    message: String(plain(data.body) ?? data.eventName),
    fields,
    ...(data.traceId === '' ? {} : { traceId: data.traceId, spanId: data.spanId }),
  }
}

/** Ranges of the data model: 1-8 trace and debug, 9-12 info, 13-16 warn, 17-24 error and fatal. */
function severityOf(number: number): Severity {
  if (number >= 17) return 'error'
  if (number >= 13) return 'warn'
  return number >= 9 || number === 0 ? 'info' : 'debug'
}

function plain(value: unknown): LogValue {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'bigint' ? String(each) : each,
  )
}
