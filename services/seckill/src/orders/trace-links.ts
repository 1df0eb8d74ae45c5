import { isSpanContextValid, type Span, type SpanContext } from '@opentelemetry/api'

/** Most orders whose trace is remembered until their event is published. */
const linksMax = 10_000

/** The trace that made an order. */
export interface TraceLink {
  readonly context: SpanContext
  /** True where this process records its spans, at least until it is known whether they are kept. */
  readonly recorded: boolean
}

/**
 * Traces of purchases, by order, from the answer to the moment the order's event is published: so
 * that one trace goes on through the event log. A full table forgets the oldest.
 */
export class TraceLinks {
  readonly #links: Map<number, TraceLink> = new Map()

  /** Remembers the trace of `span`, which made the order in `slot`; nothing where it has none. */
  keep(slot: number, span: Span): void {
    const context = span.spanContext()
    if (!isSpanContextValid(context)) return
    if (this.#links.size >= linksMax) {
      const oldest = this.#links.keys().next()
      if (!oldest.done) this.#links.delete(oldest.value)
    }
    this.#links.set(slot, { context, recorded: span.isRecording() })
  }

  /** The recorded trace of the order in `slot`; undefined where none is known. */
  peek(slot: number): SpanContext | undefined {
    const link = this.#links.get(slot)
    return link?.recorded ? link.context : undefined
  }

  /** The trace of the order in `slot`, which is then forgotten; undefined where none is known. */
  take(slot: number): TraceLink | undefined {
    const link = this.#links.get(slot)
    if (link) this.#links.delete(slot)
    return link
  }
}
