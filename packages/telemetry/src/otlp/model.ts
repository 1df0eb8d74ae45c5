/**
 * What OTLP carries, in plain form: made by the decoders, taken by the encoders and the stores.
 * Times are wall ms with a fraction (a quarter of a microsecond is kept); ids are hex text.
 */

/** An attribute's value; more than our own spans use, since others send all of it. */
export type Value =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value }

/** Attributes by name. */
export type Values = Readonly<Record<string, Value>>

/** Who made something. */
export interface Scope {
  readonly name: string
  readonly version?: string
  readonly attributes?: Values
}

/** A measurement linked to a trace. */
export interface ExemplarData {
  readonly value: number
  readonly timeMs: number
  readonly traceId: string
  readonly spanId: string
}

interface Point {
  readonly attributes: Values
  /** Wall ms; 0 where unknown. */
  readonly startMs: number
  readonly timeMs: number
  readonly exemplars: readonly ExemplarData[]
}

/** A point of a sum or a gauge. */
export interface NumberPoint extends Point {
  readonly value: number
}

/** A point of a histogram with explicit bounds. */
export interface HistogramPoint extends Point {
  readonly count: number
  readonly sum: number | undefined
  readonly min: number | undefined
  readonly max: number | undefined
  readonly bounds: readonly number[]
  /** One more than bounds; empty where only count and sum are known. */
  readonly counts: readonly number[]
}

/** A point of an exponential histogram. */
export interface ExponentialPoint extends Point {
  readonly count: number
  readonly sum: number | undefined
  readonly min: number | undefined
  readonly max: number | undefined
  readonly scale: number
  readonly zeroCount: number
  readonly zeroThreshold: number
  readonly positive: { readonly offset: number; readonly counts: ArrayLike<number> }
  readonly negative: { readonly offset: number; readonly counts: ArrayLike<number> }
}

/** A point of a summary: quantiles made elsewhere. */
export interface SummaryPoint extends Point {
  readonly count: number
  readonly sum: number
  readonly quantiles: readonly { readonly quantile: number; readonly value: number }[]
}

interface MetricHead {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly resource: Values
  readonly scope: Scope
}

/** A metric with its points. */
export type MetricData = MetricHead &
  (
    | { readonly kind: 'gauge'; readonly points: readonly NumberPoint[] }
    | {
        readonly kind: 'sum'
        readonly monotonic: boolean
        readonly cumulative: boolean
        readonly points: readonly NumberPoint[]
      }
    | {
        readonly kind: 'histogram'
        readonly cumulative: boolean
        readonly points: readonly HistogramPoint[]
      }
    | {
        readonly kind: 'exponential'
        readonly cumulative: boolean
        readonly points: readonly ExponentialPoint[]
      }
    | { readonly kind: 'summary'; readonly points: readonly SummaryPoint[] }
  )

/** A log record. */
export interface LogData {
  /** 0 where the source gave none. */
  readonly timeMs: number
  readonly observedMs: number
  /** OpenTelemetry severity number, 0 to 24. */
  readonly severity: number
  readonly severityText: string
  readonly body: Value
  readonly attributes: Values
  /** Empty outside a trace. */
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
  /** Name of the event; empty for plain logs. */
  readonly eventName: string
  readonly resource: Values
  readonly scope: Scope
}

/** The three signals. */
export type Signal = 'traces' | 'metrics' | 'logs'
