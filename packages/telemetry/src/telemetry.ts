import {
  context as globalContext,
  metrics as globalMetrics,
  propagation as globalPropagation,
  ROOT_CONTEXT,
  trace as globalTrace,
  createNoopMeter,
  type Context,
  type Meter,
  type MeterProvider,
  type TextMapPropagator,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api'
import { logs as globalLogs } from '@opentelemetry/api-logs'
import type { Chance } from '@spate/runtime/chance'
import { systemChance } from '@spate/runtime/chance'
import { systemClock, type Clock } from '@spate/runtime/clock'
import { silentLog, type Log, type TraceSource } from '@spate/runtime/log'
import { AttributeGate, type PlainAttributes } from './attributes.ts'
import { activeContext, contextManager, spanOf, withContext } from './context.ts'
import type { RowSink } from './departures.ts'
import { expose } from './exposition.ts'
import { IdSource } from './ids.ts'
import { SpateMeter } from './meter.ts'
import { loggerProvider } from './logger-provider.ts'
import { MetricRegistry } from './metrics.ts'
import { metricNames } from './names.ts'
import type { LogData } from './otlp/model.ts'
import { w3cPropagator } from './propagator.ts'
import { Recorder } from './recorder.ts'
import { RemoteSpan } from './remote-span.ts'
import { observeRuntime } from './runtime-metrics.ts'
import { Sampler, type SamplingOptions } from './sampler.ts'
import { RecordingExchange, type ServerExchange, type ServerRequest } from './server-exchange.ts'
import type { SpanSink } from './span-record.ts'
import type { KeepListener } from './tail-board.ts'
import { parseThreshold } from './threshold.ts'
import { SpateTracer } from './tracer.ts'
import { WallTime } from './wall-time.ts'

/** Something that sends telemetry away: flushed and stopped with the program. */
export interface Exporter {
  /** Takes finished spans; must not wait. */
  readonly spans?: SpanSink
  /** Takes records of foreign loggers; must not wait. */
  readonly logs?: (records: readonly LogData[]) => void
  /** Makes what takes the spans of one program as rows instead; undefined takes `spans`. */
  rows?(resource: PlainAttributes, gate: AttributeGate): RowSink | undefined
  /** Given the program's metrics and resource once, before the first span. */
  attach?(telemetry: Telemetry): void
  /** Sends what waits. Rejects with the signal's reason where it aborts first. */
  flush(signal?: AbortSignal): Promise<void>
  /** Sends or spills what waits, then lets go of everything. */
  shutdown(signal?: AbortSignal): Promise<void>
}

/** How to make telemetry for one program. */
export interface TelemetryOptions {
  /** `service.name`: `spate-edge`. */
  readonly serviceName: string
  readonly serviceVersion?: string
  /** More attributes of the program: `service.instance.id`, `deployment.environment.name` ... */
  readonly resource?: PlainAttributes
  readonly clock?: Clock
  readonly chance?: Chance
  readonly log?: Log
  /** Default: all traces up to 1000 spans a second. */
  readonly sampling?: SamplingOptions
  /** Take finished spans in this process: `traceStore.sink`. */
  readonly sinks?: readonly SpanSink[]
  readonly exporters?: readonly Exporter[]
  /** Spans held until their local roots are judged; above it the oldest trace is let go. Default `rowsMax`. */
  readonly spansHeld?: number
  /** Attribute names allowed beside those of `names.ts`; `a.*` and `*` are patterns. */
  readonly allow?: readonly string[]
  /** Leave client addresses whole. Default false: their network, /24 or /48. */
  readonly fullAddresses?: boolean
  /** Event loop, memory and collection metrics; on for one telemetry a process. Default false. */
  readonly runtimeMetrics?: boolean
}

/** Traces and metrics of one program. */
export interface Telemetry {
  readonly serviceName: string
  readonly resource: PlainAttributes
  /** Tracer of our own code; `tracerProvider` makes others. */
  readonly tracer: Tracer
  readonly meter: Meter
  readonly tracerProvider: TracerProvider
  readonly meterProvider: MeterProvider
  readonly propagator: TextMapPropagator
  /** Families and series: take a handle once, record through it. */
  readonly metrics: MetricRegistry
  /** Share of new traces kept now. */
  readonly probability: number
  /** Begins the server span of a request; call `end` on what it returns. */
  beginServer(request: ServerRequest, traceparent?: string, tracestate?: string): ServerExchange
  /**
   * Keeps what is still held of a trace that a peer kept (strategy `tail`), by the `threshold` the
   * peer kept it by: the text after `th:`; undefined where that is not known.
   */
  keepTrace(traceId: string, threshold?: string): void
  /** Tells no peer of this trace, though it be kept: it is the one in which a peer tells us. */
  hushTrace(traceId: string): void
  /** Calls `listener` with each trace kept here, to tell peers; returns a function that stops it. */
  onKeep(listener: KeepListener): () => void
  /** Runs `task` with `context` active. */
  run<Result>(context: Context, task: () => Result): Result
  /** Ids of the active span, for logs. */
  readonly activeTrace: TraceSource
  /** All metrics as OpenMetrics text. */
  exposition(): string
  /** Hands spans to `sink` from now on; returns a function that stops it. */
  addSink(sink: SpanSink): () => void
  /**
   * Makes this the process-wide provider, context manager and propagator of @opentelemetry/api, and
   * the logger provider of @opentelemetry/api-logs. Returns a function that takes it back.
   */
  register(): () => void
  flush(signal?: AbortSignal): Promise<void>
  /** Sends or spills what waits within the deadline of `signal`, then stops. */
  shutdown(signal?: AbortSignal): Promise<void>
}

/** Telemetry that records. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  return new RecordingTelemetry(options)
}

class RecordingTelemetry implements Telemetry {
  readonly serviceName: string
  readonly resource: PlainAttributes
  readonly tracer: Tracer
  readonly meter: Meter
  readonly tracerProvider: TracerProvider
  readonly meterProvider: MeterProvider
  readonly propagator: TextMapPropagator = w3cPropagator
  readonly metrics: MetricRegistry
  readonly #recorder: Recorder
  readonly #exporters: readonly Exporter[]
  readonly #log: Log
  readonly #clock: Clock
  readonly #stops: (() => void)[] = []

  constructor(options: TelemetryOptions) {
    const clock = options.clock ?? systemClock
    const wall = WallTime.of(clock)
    this.serviceName = options.serviceName
    this.#clock = clock
    this.#log = options.log ?? silentLog
    this.resource = resourceOf(options)
    this.metrics = new MetricRegistry(() => wall.now())
    this.#exporters = options.exporters ?? []
    const gate = new AttributeGate(options.allow, {
      fullAddresses: options.fullAddresses ?? false,
    })
    const sampler = new Sampler(options.sampling ?? { strategy: 'budget' }, clock.elapsed())
    const rowSinks = this.#exporters.map((exporter) => exporter.rows?.(this.resource, gate))
    this.#recorder = new Recorder({
      clock,
      wall,
      ids: new IdSource(options.chance ?? systemChance),
      gate,
      sampler,
      metrics: this.metrics,
      sinks: [
        ...(options.sinks ?? []),
        ...this.#exporters.flatMap(({ spans }, at) => (spans && !rowSinks[at] ? [spans] : [])),
      ],
      rowSinks: rowSinks.filter((sink) => sink !== undefined),
      ...(options.spansHeld === undefined ? {} : { spansHeld: options.spansHeld }),
      service: this.serviceName,
      resource: this.resource,
    })
    this.tracer = new SpateTracer(this.#recorder, { name: 'spate' })
    this.meter = new SpateMeter(this.metrics, gate, 'spate')
    this.tracerProvider = {
      getTracer: (name, version) =>
        new SpateTracer(this.#recorder, version === undefined ? { name } : { name, version }),
    }
    this.meterProvider = { getMeter: (name) => new SpateMeter(this.metrics, gate, name) }
    this.#observeSelf(gate, sampler)
    const resync = clock.every(1000, () => {
      wall.resync()
      this.#recorder.board.sweep()
    })
    this.#stops.push(() => resync.cancel())
    if (options.runtimeMetrics) this.#stops.push(observeRuntime(this.metrics))
    for (const exporter of this.#exporters) exporter.attach?.(this)
  }

  get probability(): number {
    return this.#recorder.sampler.probability
  }

  readonly activeTrace: TraceSource = () => activeIds()

  beginServer(request: ServerRequest, traceparent?: string, tracestate?: string): ServerExchange {
    if (this.#recorder.cost.due()) return this.#beginWatched(request, traceparent, tracestate)
    return new RecordingExchange(this.#recorder, request, traceparent, tracestate)
  }

  keepTrace(traceId: string, threshold?: string): void {
    const read = threshold === undefined ? undefined : parseThreshold(threshold)
    this.#recorder.board.keep(traceId, read, true)
  }

  hushTrace(traceId: string): void {
    this.#recorder.board.hush(traceId)
  }

  onKeep(listener: KeepListener): () => void {
    return this.#recorder.board.onKeep(listener)
  }

  run<Result>(context: Context, task: () => Result): Result {
    return withContext(context, task)
  }

  exposition(): string {
    return expose(this.metrics.collect(), this.resource)
  }

  addSink(sink: SpanSink): () => void {
    return this.#recorder.departures.addSink(sink)
  }

  register(): () => void {
    globalContext.setGlobalContextManager(contextManager)
    globalPropagation.setGlobalPropagator(w3cPropagator)
    globalTrace.setGlobalTracerProvider(this.tracerProvider)
    globalMetrics.setGlobalMeterProvider(this.meterProvider)
    const takers = this.#exporters.flatMap(({ logs }) => (logs ? [logs] : []))
    globalLogs.setGlobalLoggerProvider(
      loggerProvider({
        clock: this.#clock,
        resource: this.resource,
        sink: (records) => takers.forEach((take) => take(records)),
      }),
    )
    return () => {
      globalContext.disable()
      globalPropagation.disable()
      globalTrace.disable()
      globalMetrics.disable()
      globalLogs.disable()
    }
  }

  async flush(signal?: AbortSignal): Promise<void> {
    this.#recorder.departures.drain()
    await Promise.all(this.#exporters.map((exporter) => exporter.flush(signal)))
  }

  async shutdown(signal?: AbortSignal): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop()
    this.#recorder.departures.drain()
    const outcomes = await Promise.allSettled(
      this.#exporters.map((exporter) => exporter.shutdown(signal)),
    )
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        this.#log.error('an exporter did not stop well', {}, outcome.reason)
  }

  #beginWatched(
    request: ServerRequest,
    traceparent: string | undefined,
    tracestate: string | undefined,
  ): ServerExchange {
    const recorder = this.#recorder
    return recorder.cost.begin(
      () => new RecordingExchange(recorder, request, traceparent, tracestate),
    )
  }

  #observeSelf(gate: AttributeGate, sampler: Sampler): void {
    const probability = this.metrics.gauge(metricNames.samplingProbability).series()
    this.metrics.gauge(metricNames.samplingBudget).series().set(sampler.budget)
    const waiting = this.metrics.gauge(metricNames.tracesWaiting).series()
    const refused = this.metrics.counter(metricNames.attributesRefused).series()
    const cost = this.metrics.gauge(metricNames.requestCost).series()
    const memory = this.metrics.gauge(metricNames.spanMemory).series()
    this.#stops.push(
      this.metrics.observe(() => {
        probability.set(sampler.probability)
        waiting.set(this.#recorder.board.waiting)
        refused.observe(gate.refused)
        cost.set(this.#recorder.cost.seconds)
        memory.set(this.#recorder.rows.bytes)
      }),
    )
  }
}

/** Ids of the active span of the running work; undefined outside a trace. */
export function activeIds(): { readonly traceId: string; readonly spanId: string } | undefined {
  const span = spanOf(activeContext())
  if (!span) return undefined
  const { traceId, spanId } = span.spanContext()
  return { traceId, spanId }
}

function resourceOf(options: TelemetryOptions): PlainAttributes {
  return Object.freeze({
    'service.name': options.serviceName,
    ...(options.serviceVersion === undefined ? {} : { 'service.version': options.serviceVersion }),
    'telemetry.sdk.name': 'spate',
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.version': '0.1.0',
    ...options.resource,
  })
}

const nothingSpan = new RemoteSpan({
  traceId: '00000000000000000000000000000000',
  spanId: '0000000000000000',
  traceFlags: 0,
})

const nothingExchange: ServerExchange = {
  span: nothingSpan,
  context: ROOT_CONTEXT,
  sampled: false,
  run: (task) => task(),
  streams: () => {},
  end: () => {},
  getValue: (key) => ROOT_CONTEXT.getValue(key),
  setValue: (key, value) => ROOT_CONTEXT.setValue(key, value),
  deleteValue: (key) => ROOT_CONTEXT.deleteValue(key),
}

const nothingTracer: Tracer = {
  startSpan: () => nothingSpan,
  startActiveSpan: (_name: string, ...rest: readonly unknown[]) =>
    (rest.at(-1) as (span: RemoteSpan) => never)(nothingSpan),
}

/** Telemetry that records nothing and costs next to nothing. */
export const noTelemetry: Telemetry = {
  serviceName: '',
  resource: {},
  tracer: nothingTracer,
  meter: createNoopMeter(),
  tracerProvider: { getTracer: () => nothingTracer },
  meterProvider: { getMeter: () => createNoopMeter() },
  propagator: w3cPropagator,
  metrics: new MetricRegistry(() => 0),
  probability: 0,
  beginServer: () => nothingExchange,
  keepTrace: () => {},
  hushTrace: () => {},
  onKeep: () => () => {},
  run: (context, task) => withContext(context, task),
  activeTrace: () => undefined,
  exposition: () => '# EOF\n',
  addSink: () => () => {},
  register: () => () => {},
  flush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
}
