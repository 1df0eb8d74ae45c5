import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { systemChance, type Chance } from '@spate/runtime/chance'
import { delayMsMax, systemClock, type Clock } from '@spate/runtime/clock'
import { silentLog, type Log } from '@spate/runtime/log'
import { AttributeGate, type PlainAttributes } from '../attributes.ts'
import { metricSlicesOf } from '../collect.ts'
import type { RowSink } from '../departures.ts'
import { metricNames } from '../names.ts'
import type { SpanRecord } from '../span-record.ts'
import type { Exporter, Telemetry } from '../telemetry.ts'
import { Delivery, type DeliveryCounters } from './delivery.ts'
import { logsJson, metricsJson, tracesJson } from './encode-json.ts'
import { encodeLogs } from './encode-logs.ts'
import { encodeMetrics } from './encode-metrics.ts'
import { encodeTraces } from './encode-traces.ts'
import { createGrpcTransport } from './grpc-transport.ts'
import { createHttpTransport } from './http-transport.ts'
import type { LogData, Signal } from './model.ts'
import { privateLog } from './private-log.ts'
import { RowWriter } from './row-writer.ts'
import { Spill } from './spill.ts'
import type { Transport } from './transport.ts'

/** How to send telemetry by OTLP. */
export interface OtlpOptions {
  /** `http://host:4317` for gRPC, `http://host:4318` for HTTP. */
  readonly url: string
  /** Default `grpc`. */
  readonly protocol?: 'grpc' | 'http/protobuf' | 'http/json'
  readonly headers?: Readonly<Record<string, string>>
  readonly clock?: Clock
  readonly chance?: Chance
  readonly log?: Log
  /** Spans of a request. Default 1000. */
  readonly batchSpans?: number
  /** Longest time a span waits for its batch, ms. Default 5000. */
  readonly spanDelayMs?: number
  /** How often metrics are sent, ms. Default 60,000. */
  readonly metricsEveryMs?: number
  /** For one request, ms. Default 10,000. */
  readonly timeoutMs?: number
  /** Bytes that wait in memory. Default 16 MiB. */
  readonly queueBytes?: number
  /** Folder for what waits while the receiver is away; without it memory alone is used. */
  readonly spillFolder?: string
  /** Bytes on disk. Default 256 MiB. */
  readonly spillBytes?: number
  /** Leave client addresses in logs whole. Default false: their network. */
  readonly fullAddresses?: boolean
}

/** An exporter that can say what it did. */
export interface OtlpExporter extends Exporter {
  readonly counters: DeliveryCounters
  /** True while the receiver is away. */
  readonly down: boolean
  readonly queueBytes: number
  readonly spilledBytes: number
  /** Spans that are being compressed and are not in the queue yet. */
  readonly posting: number
  /** Takes log records; must not wait. */
  readonly logs: (records: readonly LogData[]) => void
}

/** Spans, or log records, that wait to be encoded. */
export const pendingMax = 50_000
/** Uncompressed bytes of a request: what gRPC receivers take by default. */
export const requestBytesMax: number = 4 * 1024 ** 2 - 64 * 1024
const spansPerSlice = 64
const outageDelayMs = 1000
const compress = promisify(gzip)

/** Opens an exporter. Rejects with the disk's fault where the spill folder cannot be used. */
export async function createOtlpExporter(options: OtlpOptions): Promise<OtlpExporter> {
  const { clock = systemClock, chance = systemChance, log = silentLog } = options
  const transport = transportOf(options, clock)
  const spill =
    options.spillFolder === undefined || options.spillBytes === 0
      ? undefined
      : await Spill.open({
          folder: options.spillFolder,
          bytesMax: options.spillBytes ?? 256 * 1024 ** 2,
          log,
        })
  const delivery = new Delivery({
    transport,
    clock,
    chance,
    log,
    queueBytes: options.queueBytes ?? 16 * 1024 ** 2,
    timeoutMs: options.timeoutMs ?? 10_000,
    ...(spill ? { spill } : {}),
  })
  return new BatchingExporter({ ...options, clock, log }, delivery, transport.format, spill)
}

function transportOf(options: OtlpOptions, clock: Clock): Transport {
  const { url, headers, protocol = 'grpc' } = options
  const rest = { url, clock, ...(headers ? { headers } : {}) }
  if (protocol === 'grpc') return createGrpcTransport(rest)
  return createHttpTransport({ ...rest, format: protocol === 'http/json' ? 'json' : 'protobuf' })
}

class BatchingExporter implements OtlpExporter {
  readonly #options: OtlpOptions & { readonly clock: Clock; readonly log: Log }
  readonly #delivery: Delivery
  readonly #format: 'protobuf' | 'json'
  readonly #spill: Spill | undefined
  readonly #programs: Telemetry[] = []
  readonly #timers: { cancel(): void }[] = []
  readonly #writers: RowWriter[] = []
  readonly #gate: AttributeGate
  /** Spans the writers hold. */
  #written = 0
  /** Spans cut from the writers that are not in the queue of the delivery yet. */
  #posting = 0
  #spans: SpanRecord[] = []
  #logs: LogData[] = []
  #cutTimer: { cancel(): void } | undefined
  #encoding: Promise<void> = Promise.resolve()

  constructor(
    options: OtlpOptions & { readonly clock: Clock; readonly log: Log },
    delivery: Delivery,
    format: 'protobuf' | 'json',
    spill: Spill | undefined,
  ) {
    this.#options = options
    this.#gate = new AttributeGate([], { fullAddresses: options.fullAddresses ?? false })
    this.#delivery = delivery
    this.#format = format
    this.#spill = spill
    this.#timers.push(
      options.clock.every(options.metricsEveryMs ?? 60_000, () => this.#sendMetrics()),
    )
  }

  get counters(): DeliveryCounters {
    return this.#delivery.counters
  }

  get down(): boolean {
    return this.#delivery.down
  }

  get queueBytes(): number {
    return this.#delivery.queueBytes
  }

  get spilledBytes(): number {
    return this.#spill?.bytes ?? 0
  }

  get posting(): number {
    return this.#posting
  }

  attach(telemetry: Telemetry): void {
    this.#programs.push(telemetry)
    if (this.#programs.length === 1) this.#observe(telemetry)
  }

  /** Spans of a program as rows, in the protobuf formats: nothing is left to encode at a flush. */
  rows(resource: PlainAttributes, gate: AttributeGate): RowSink | undefined {
    if (this.#format === 'json') return undefined
    const writer = new RowWriter(resource, gate, this.#wrote)
    this.#writers.push(writer)
    return writer.sink
  }

  readonly #wrote = (spans: number): void => {
    this.#written += spans
    this.#schedule(this.#written)
  }

  /** Takes finished spans of programs that were not asked for rows. */
  readonly spans = (records: readonly SpanRecord[]): void => {
    if (this.#spans.length + records.length > pendingMax) {
      this.#delivery.drop('traces', records.length, 'pending_full')
      return
    }
    for (const record of records) this.#spans.push(record)
    this.#schedule(this.#spans.length)
  }

  readonly logs = (records: readonly LogData[]): void => {
    if (this.#logs.length + records.length > pendingMax) {
      this.#delivery.drop('logs', records.length, 'pending_full')
      return
    }
    for (const record of records) this.#logs.push(privateLog(record, this.#gate))
    this.#schedule(this.#logs.length)
  }

  async flush(): Promise<void> {
    this.#sendMetrics()
    this.#cut()
    await this.#encoding
    await this.#delivery.settled()
  }

  async shutdown(signal?: AbortSignal): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    this.#cutTimer?.cancel()
    const late = new Promise<void>((resolve) => {
      if (signal?.aborted) resolve()
      else signal?.addEventListener('abort', () => resolve(), { once: true })
    })
    const done = new AbortController()
    // Connections and timers let the process end; until all is sent or on disk it must not.
    const awake = this.#options.clock.sleep(delayMsMax, done.signal).catch(() => {})
    try {
      await Promise.race([this.flush(), late])
      await this.#delivery.close()
    } finally {
      done.abort()
      await awake
    }
  }

  #schedule(waiting: number): void {
    const { batchSpans = 1000, spanDelayMs = 5000, clock } = this.#options
    if (waiting >= batchSpans) return this.#cut()
    // While the receiver is away a crash loses what is not on disk yet: wait less.
    const delayMs = this.#delivery.down ? Math.min(spanDelayMs, outageDelayMs) : spanDelayMs
    this.#cutTimer ??= clock.after(delayMs, () => this.#cut())
  }

  /** Encodes what waits, in slices, behind what is being encoded already. */
  #cut(): void {
    this.#cutTimer?.cancel()
    this.#cutTimer = undefined
    if (this.#written > 0) this.#cutRows()
    const spans = this.#spans
    const logs = this.#logs
    this.#spans = []
    this.#logs = []
    const json = this.#format === 'json'
    if (spans.length > 0)
      this.#encode('traces', () =>
        piecesOf(spans, (some) => (json ? textOf(tracesJson(some)) : encodeTraces(some))),
      )
    if (logs.length > 0)
      this.#encode('logs', () =>
        piecesOf(logs, (some) => (json ? textOf(logsJson(some)) : encodeLogs(some))),
      )
  }

  /** Sends what the writers hold, in requests of bounded size. Copies bytes, encodes nothing. */
  #cutRows(): void {
    this.#written = 0
    const messages = this.#writers.flatMap((writer) => writer.take())
    let parts: Uint8Array[] = []
    let length = 0
    let count = 0
    const post = (): void => {
      if (count > 0) this.#postSpans(Buffer.concat(parts, length), count)
      parts = []
      length = count = 0
    }
    for (const message of messages) {
      if (length + message.length > requestBytesMax) post()
      parts.push(...message.parts)
      length += message.length
      count += message.count
    }
    post()
  }

  #postSpans(message: Uint8Array, count: number): void {
    if (this.#posting + count > pendingMax) {
      this.#delivery.drop('traces', count, 'pending_full')
      return
    }
    this.#posting += count
    this.#encoding = this.#encoding.then(async () => {
      await this.#post('traces', count, message)
      this.#posting -= count
    })
  }

  #sendMetrics(): void {
    const timeMs = this.#options.clock.now()
    const json = this.#format === 'json'
    for (const { metrics, resource } of this.#programs) {
      const families = metrics.collect()
      this.#encode('metrics', function* pieces() {
        for (const metric of metricSlicesOf(families, resource, timeMs))
          yield {
            bytes: json ? textOf(metricsJson([metric])) : encodeMetrics([metric]),
            count: metric.points.length,
          }
      })
    }
  }

  /**
   * Encodes piece by piece, giving way to the event loop in between, and sends them in requests of
   * bounded size. Protobuf messages are joined by putting them one behind the other.
   */
  #encode(signal: Signal, pieces: () => Iterable<Piece>): void {
    const most =
      signal === 'metrics' ? Number.POSITIVE_INFINITY : (this.#options.batchSpans ?? 1000)
    const countMax = this.#format === 'json' ? 0 : most
    this.#encoding = this.#encoding.then(async () => {
      let parts: Uint8Array[] = []
      let length = 0
      let count = 0
      const post = async (): Promise<void> => {
        if (parts.length > 0) await this.#post(signal, count, Buffer.concat(parts))
        parts = []
        length = count = 0
      }
      for (const piece of pieces()) {
        if (length + piece.bytes.length > requestBytesMax || count + piece.count > countMax)
          await post()
        parts.push(piece.bytes)
        length += piece.bytes.length
        count += piece.count
        await new Promise((resolve) => setImmediate(resolve))
      }
      await post()
    })
  }

  async #post(signal: Signal, count: number, message: Uint8Array): Promise<void> {
    // zlib's promise form works in the thread pool: the event loop goes on meanwhile.
    const body = await compress(message, { level: signal === 'metrics' ? 6 : 3 })
    this.#delivery.push({ signal, format: this.#format, count, body })
  }

  /** Puts this exporter's own figures into the metrics of the first program. */
  #observe(telemetry: Telemetry): void {
    const { metrics } = telemetry
    const queue = metrics.gauge(metricNames.exportQueue).series()
    const spilled = metrics.gauge(metricNames.exportSpilled).series()
    const accepted = metrics.counter(metricNames.exported)
    const bytes = metrics.counter(metricNames.exportedBytes)
    const rejected = metrics.counter(metricNames.exportRejected)
    const retries = metrics.counter(metricNames.exportRetries)
    const dropped = metrics.counter(metricNames.exportDropped)
    const stop = metrics.observe(() => {
      queue.set(this.queueBytes)
      spilled.set(this.spilledBytes)
      for (const signal of ['traces', 'metrics', 'logs'] as const) {
        const { counters } = this
        accepted.series({ signal }).observe(counters.accepted[signal])
        bytes.series({ signal }).observe(counters.bytes[signal])
        rejected.series({ signal }).observe(counters.rejected[signal])
        retries.series({ signal }).observe(counters.retries[signal])
        for (const [reason, count] of Object.entries(counters.dropped[signal]))
          dropped.series({ signal, reason }).observe(count)
      }
    })
    this.#timers.push({ cancel: stop })
  }
}

/** A slice of what waits, encoded. */
interface Piece {
  readonly bytes: Uint8Array
  readonly count: number
}

/** `items` encoded in slices of `spansPerSlice`, each when it is asked for. */
function* piecesOf<Item>(
  items: readonly Item[],
  encode: (some: readonly Item[]) => Uint8Array,
): Generator<Piece> {
  for (let at = 0; at < items.length; at += spansPerSlice) {
    const some = items.slice(at, at + spansPerSlice)
    yield { bytes: encode(some), count: some.length }
  }
}

function textOf(message: object): Uint8Array {
  return Buffer.from(JSON.stringify(message))
}
