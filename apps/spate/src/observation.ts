import { join } from 'node:path'
import { uuidv7, type Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { Log, LogSink } from '@spate/runtime/log'
import { privateSink } from '@spate/runtime/log-privacy'
import { createOtlpExporter, type OtlpExporter } from '@spate/telemetry/exporter'
import { logDataOf } from '@spate/telemetry/log-data'
import { LogStore } from '@spate/telemetry/log-store'
import { MetricStore } from '@spate/telemetry/metric-store'
import type { Values } from '@spate/telemetry/model'
import { metricNames } from '@spate/telemetry/names'
import { pairsOf, samplingOf, type TelemetrySettings } from '@spate/telemetry/settings'
import { createTelemetry, noTelemetry, type Telemetry } from '@spate/telemetry/telemetry'
import { TraceStore } from '@spate/telemetry/trace-store'
import { version } from './help.ts'
import { tellPeers } from './telemetry-peers.ts'

/** Telemetry of a process: what its programs record, where it is kept and where it goes. */
export interface Observation {
  readonly traces: TraceStore
  readonly metrics: MetricStore
  readonly logs: LogStore
  /** Telemetry of the programs that were started so far, by name. */
  readonly telemetries: ReadonlyMap<string, Telemetry>
  /** Telemetry of the program `name`; call it once a name. */
  telemetryOf(name: string): Telemetry
  /** Sends or spills what waits, within the deadline of `signal`. */
  close(signal?: AbortSignal): Promise<void>
}

/** How to observe. */
export interface ObservationOptions {
  readonly settings: TelemetrySettings
  /** Absolute; what a receiver that is away misses waits below it. */
  readonly dataDir: string
  /** Sent to peers that are told of kept traces. */
  readonly adminToken: string
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  addLogSink(sink: LogSink): void
  /** True where one program runs in this process. */
  readonly alone?: boolean
  /** True where this process may begin before the one whose place it takes has ended. */
  readonly successor?: boolean
}

/** Time at the end to send what waits, ms; what is not sent by then goes to disk. */
const flushMsMax = 4000

/** Opens stores and exporter, and has every log record go to both, without secrets. */
export async function observe(options: ObservationOptions): Promise<Observation> {
  const { settings, clock, chance, log } = options
  const traces = new TraceStore({ bytes: settings.traceStoreBytes })
  const logs = new LogStore({ bytes: settings.logStoreBytes })
  const made = new Map<string, Telemetry>()
  const exporter = await exporterOf(options)
  options.addLogSink(privateSink(logSink(made, options, [logs.sink, exporter?.logs])))
  const instance = uuidv7(clock.now())
  let stopTelling: (() => Promise<void>) | undefined
  return {
    traces,
    metrics: new MetricStore({ bytes: settings.metricStoreBytes }),
    logs,
    telemetries: made,
    telemetryOf(name) {
      if (!settings.telemetry) return noTelemetry
      const telemetry = createTelemetry({
        serviceName: serviceOf(name, options),
        serviceVersion: version,
        resource: { 'service.instance.id': instance, ...attributesOf(settings) },
        clock,
        chance,
        log: log.child('telemetry'),
        sampling: samplingOf(settings),
        fullAddresses: settings.telemetryClientAddress,
        sinks: [traces.sink],
        ...(exporter === undefined ? {} : { exporters: [exporter] }),
        // The event loop and memory belong to the process, so one of its programs reports them.
        runtimeMetrics: made.size === 0,
      })
      made.set(name, telemetry)
      const { telemetryPeers: peers } = settings
      // One board of kept traces serves all programs of a process, so one of them tells for all.
      if (peers.length > 0) stopTelling ??= tellPeers(telemetry, { ...options, peers })
      return telemetry
    },
    async close(signal) {
      await stopTelling?.()
      const late = new AbortController()
      const timer = clock.after(flushMsMax, () => late.abort())
      const until = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal])
      await Promise.all([...made.values()].map((telemetry) => telemetry.shutdown(until)))
      timer.cancel()
    },
  }
}

/** Folders of those who leave and those who come, side by side; what one left is sent by the next who has it. */
const spillFoldersMax = 8

async function exporterOf(options: ObservationOptions): Promise<OtlpExporter | undefined> {
  const { settings, dataDir, successor } = options
  if (settings.otlp === undefined || !settings.telemetry) return undefined
  for (let at = 1; ; at++) {
    try {
      const folder = at === 1 ? 'telemetry' : `telemetry-${at}`
      return await exporterWith(settings.otlp, join(dataDir, folder), options)
    } catch (caught) {
      const taken = caught instanceof Fault && caught.code === 'data_locked'
      if (!taken || !successor || at === spillFoldersMax) throw caught
    }
  }
}

function exporterWith(
  url: string,
  spillFolder: string,
  { settings, clock, chance, log }: ObservationOptions,
): Promise<OtlpExporter> {
  return createOtlpExporter({
    url,
    protocol: settings.otlpProtocol,
    headers: lowerCase(pairsOf(settings.otlpHeaders)),
    clock,
    chance,
    log: log.child('otlp'),
    timeoutMs: settings.otlpTimeout,
    batchSpans: settings.otlpBatch,
    spanDelayMs: settings.otlpDelay,
    metricsEveryMs: settings.telemetryFlush,
    queueBytes: settings.telemetryQueueBytes,
    spillFolder,
    spillBytes: settings.telemetrySpillBytes,
    fullAddresses: settings.telemetryClientAddress,
  })
}

/** Names of gRPC metadata are lower case; HTTP does not care. */
function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
}

/** `spate-edge`; where somebody named the service, that name, with the program where several run. */
function serviceOf(name: string, { settings, alone }: ObservationOptions): string {
  const given = pairsOf(settings.resourceAttributes)['service.name'] ?? 'spate'
  const service = settings.serviceName === 'spate' ? given : settings.serviceName
  return alone && service !== 'spate' ? service : `${service}-${name}`
}

function attributesOf(settings: TelemetrySettings): Readonly<Record<string, string>> {
  const { 'service.name': _name, ...rest } = pairsOf(settings.resourceAttributes)
  return rest
}

/** Turns records of our log into log data of the program that speaks, and counts those held back. */
function logSink(
  made: ReadonlyMap<string, Telemetry>,
  options: ObservationOptions,
  takers: readonly (((records: ReturnType<typeof logDataOf>[]) => void) | undefined)[],
): LogSink {
  const process: Values = { 'service.name': serviceOf('process', options) }
  return (record) => {
    // `spate.edge.origin` is said by the program `edge`.
    const name = record.name.split('.')[1] ?? ''
    const speaker = made.get(name) ?? (options.alone ? made.values().next().value : undefined)
    const { suppressed } = record.fields
    if (typeof suppressed === 'number')
      (speaker ?? made.values().next().value)?.metrics
        .counter(metricNames.logDropped)
        .series()
        .add(suppressed)
    const data = [logDataOf(record, speaker?.resource ?? process)]
    for (const take of takers) take?.(data)
  }
}
