import type { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { Values } from './otlp/model.ts'

/** One thing that happened within a span. */
export interface SpanEvent {
  readonly name: string
  /** Wall time, ms with a fraction. */
  readonly timeMs: number
  readonly attributes: Values
  readonly droppedAttributes: number
}

/** A span this one is related to without being its child. */
export interface SpanLink {
  readonly traceId: string
  readonly spanId: string
  readonly traceState: string
  readonly attributes: Values
  readonly droppedAttributes: number
}

/** A finished span of a trace that is kept: what sinks, the store and the encoder take. */
export interface SpanRecord {
  /** 32 hex characters. */
  readonly traceId: string
  /** 16 hex characters. */
  readonly spanId: string
  /** Empty for the root of a trace. */
  readonly parentSpanId: string
  /** `tracestate` with the threshold this span was kept by; empty where there is none. */
  readonly traceState: string
  /** W3C flags. */
  readonly flags: number
  /** True where the parent ran in another process or program. */
  readonly remoteParent: boolean
  readonly name: string
  readonly kind: SpanKind
  /** Wall time, ms with a fraction. */
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Values
  readonly droppedAttributes: number
  readonly events: readonly SpanEvent[]
  readonly droppedEvents: number
  readonly links: readonly SpanLink[]
  readonly droppedLinks: number
  readonly status: { readonly code: SpanStatusCode; readonly message?: string }
  /** `service.name` of the program. */
  readonly service: string
  /** Attributes of the program: `service.version`, `service.instance.id` ... */
  readonly resource: Values
  /** Who made the span: `spate` or an instrumentation. */
  readonly scope: { readonly name: string; readonly version?: string }
}

/** Takes finished spans of kept traces, a local root with its children in one call. Must not throw or wait. */
export type SpanSink = (spans: readonly SpanRecord[]) => void
