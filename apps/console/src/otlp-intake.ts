import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { LogStore } from '@spate/telemetry/log-store'
import type { MetricStore } from '@spate/telemetry/metric-store'
import { startReceiver, type Receiver } from '@spate/telemetry/receiver'
import type { TraceStore } from '@spate/telemetry/trace-store'

/** How to take OTLP from other programs. */
export interface OtlpIntakeOptions {
  readonly host: string
  readonly grpcPort: number
  readonly httpPort: number
  readonly traces: TraceStore
  readonly metrics: MetricStore
  readonly logs: LogStore
  readonly log: Log
}

/**
 * Opens the OTLP ports: any program may send traces, metrics and logs to the console. Undefined
 * where a port is taken, by a Collector say: the console is of use without, so that is a warning.
 */
export async function openOtlpIntake(options: OtlpIntakeOptions): Promise<Receiver | undefined> {
  const { host, grpcPort, httpPort, traces, metrics, logs, log } = options
  try {
    return await startReceiver({
      host,
      grpcPort,
      httpPort,
      log,
      sinks: { spans: traces.sink, metrics: metrics.sink, logs: logs.sink },
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
