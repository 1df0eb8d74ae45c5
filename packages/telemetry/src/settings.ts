import {
  bytes,
  choice,
  decimal,
  duration,
  integer,
  list,
  text,
  toggle,
  url,
  type TableOf,
} from '@spate/runtime/settings'
import type { SamplingOptions } from './sampler.ts'

/** How a program samples, holds and sends its telemetry. */
export interface TelemetrySettings {
  readonly otlp: string | undefined
  readonly otlpProtocol: 'grpc' | 'http/protobuf' | 'http/json'
  readonly otlpHeaders: readonly string[]
  readonly otlpTimeout: number
  readonly otlpBatch: number
  readonly otlpDelay: number
  readonly telemetry: boolean
  readonly serviceName: string
  readonly resourceAttributes: readonly string[]
  readonly sampling: SamplingOptions['strategy'] | 'none'
  readonly sampleRate: number | undefined
  readonly telemetrySpansPerSecond: number
  readonly telemetryFlush: number
  readonly telemetryQueueBytes: number
  readonly telemetrySpillBytes: number
  readonly traceStoreBytes: number
  readonly metricStoreBytes: number
  readonly logStoreBytes: number
  readonly telemetryClientAddress: boolean
  readonly telemetryPeers: readonly string[]
}

const pairs = { pattern: /^[^\s=,]+=[^,]*$/, expected: 'name=value, separated by commas' }

/** Settings every program has for its telemetry; spread them into the program's own table. */
export const telemetrySettings: TableOf<TelemetrySettings> = {
  otlp: url(
    undefined,
    'Where traces, metrics and logs are sent; unset keeps them in the process.',
    {
      expected: 'a URL like http://127.0.0.1:4317',
    },
  ),
  otlpProtocol: choice(
    'grpc',
    ['grpc', 'http/protobuf', 'http/json'],
    'How they are sent; the receiver decides what it takes.',
  ),
  otlpHeaders: list([], 'Headers sent along, as name=value, values percent-encoded.', {
    secret: true,
    ...pairs,
  }),
  otlpTimeout: duration(10_000, 100, 600_000, 'Time one export request may take.'),
  otlpBatch: integer(1000, 1, 10_000, 'Spans, or log records, of one request.', { unit: 'items' }),
  otlpDelay: duration(5000, 10, 600_000, 'Longest time a span or log record waits for its batch.'),
  telemetry: toggle(true, 'Record traces and metrics; off makes all of it cost nothing.'),
  serviceName: text(
    'spate',
    'service.name of the telemetry; the name of the program follows it: spate-edge. A program that runs alone takes any other name as it is.',
  ),
  resourceAttributes: list(
    [],
    'Attributes of the process, as name=value, values percent-encoded.',
    {
      ...pairs,
    },
  ),
  sampling: choice(
    'budget',
    ['budget', 'fixed', 'adaptive', 'tail', 'none'],
    'How traces are chosen: all up to a budget, a fixed share, a share that follows errors, whole traces judged at their end, or only those a caller chose.',
  ),
  sampleRate: decimal(
    undefined,
    0.0001,
    1,
    'Share of new traces kept; unset is 1 for budget and fixed, 0.01 otherwise.',
  ),
  telemetrySpansPerSecond: integer(
    1000,
    0,
    1_000_000,
    'Most spans kept a second; the share falls when traffic rises. 0 sets no limit.',
    { unit: 'spans' },
  ),
  telemetryFlush: duration(
    60_000,
    1000,
    3_600_000,
    'How often aggregated metrics are sent. Spans leave within five seconds.',
  ),
  telemetryQueueBytes: bytes(
    16 * 1024 ** 2,
    64 * 1024,
    1024 ** 3,
    'Memory for what waits to be sent; above it the oldest goes to disk or is dropped and counted.',
  ),
  telemetrySpillBytes: bytes(
    256 * 1024 ** 2,
    0,
    1024 ** 4,
    'Disk for what waits while the receiver is down; 0 uses none.',
  ),
  traceStoreBytes: bytes(
    64 * 1024 ** 2,
    1024 ** 2,
    16 * 1024 ** 3,
    'Memory for the traces the console shows.',
  ),
  metricStoreBytes: bytes(
    32 * 1024 ** 2,
    1024 ** 2,
    16 * 1024 ** 3,
    'Memory for the metrics the console shows.',
  ),
  logStoreBytes: bytes(
    16 * 1024 ** 2,
    1024 ** 2,
    16 * 1024 ** 3,
    'Memory for the log records the console shows.',
  ),
  telemetryClientAddress: toggle(
    false,
    'Leave client addresses in spans and logs whole. They are personal data: off, only the network (/24 or /48) leaves.',
  ),
  telemetryPeers: list(
    [],
    'Admin URLs of other Spate processes. With --sampling tail they are told which traces were kept here, and keep theirs too; all need the same admin token.',
    {
      pattern: /^https?:\/\/[^/?#]+\/?$/,
      expected: 'URLs like http://10.0.0.2:8070, separated by commas',
    },
  ),
}

/** `name=value` texts as a record, values percent-decoded; one that cannot be decoded stays as it is. */
export function pairsOf(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((each) => {
      const equals = each.indexOf('=')
      const value = each.slice(equals + 1).trim()
      return [each.slice(0, equals).trim(), decoded(value)]
    }),
  )
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** The sampling that `settings` ask for. */
export function samplingOf(settings: TelemetrySettings): SamplingOptions {
  // One trace in 2^56: none that a caller did not choose.
  if (settings.sampling === 'none') return { strategy: 'fixed', rate: 0 }
  return {
    strategy: settings.sampling,
    ...(settings.sampleRate === undefined ? {} : { rate: settings.sampleRate }),
    ...(settings.sampling === 'fixed' ? {} : { spansPerSecond: settings.telemetrySpansPerSecond }),
  }
}
