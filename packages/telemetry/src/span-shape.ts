import type { Attributes } from '@opentelemetry/api'

/**
 * What many spans have in common: the method, route and status of requests, the host they came to.
 * Written to OTLP once and copied from then on.
 */
export class SpanShape {
  readonly attributes: Attributes
  /** Span name and kind; undefined for attributes alone. */
  readonly name: string | undefined
  readonly kind: number
  /** True where spans of this shape failed. */
  readonly failed: boolean
  /** The OTLP fields, once somebody wrote them. */
  bytes: Uint8Array | undefined = undefined

  constructor(attributes: Attributes, name?: string, kind = 0, failed = false) {
    this.attributes = attributes
    this.name = name
    this.kind = kind
    this.failed = failed
  }
}
