/** What an instrument does with its numbers. */
export type MetricKind = 'counter' | 'updown' | 'gauge' | 'histogram'

/** One metric as it is declared. */
export interface MetricName {
  /** OpenTelemetry name: `http.server.request.duration`. */
  readonly name: string
  readonly kind: MetricKind
  /** UCUM: `s`, `By`, `1`, `{request}`. */
  readonly unit: string
  readonly description: string
  /** Attribute keys a series may carry. */
  readonly attributes: readonly string[]
  /** Series held, the overflow series among them. Default 2000. */
  readonly limit?: number
  /** Explicit upper bounds of a histogram. Default: the 14 of semantic conventions, in seconds. */
  readonly bounds?: readonly number[]
  /** Name in the text exposition where it is not the one derived by the OpenTelemetry rules. */
  readonly text?: string
}

/** Bounds of the semantic conventions for durations, in s. */
export const durationBounds: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]
