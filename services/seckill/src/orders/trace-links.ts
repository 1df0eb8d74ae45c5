import type { Span, SpanContext } from '@opentelemetry/api'

/** Most orders whose trace is remembered until their event is published. */
const linksMax = 10_000

/**
 * Recorded traces of purchases, by order, from the answer to the moment the order's event is published: so
 * that one trace goes on through the event log. A full table forgets the oldest.
 */
export class TraceLinks {
  readonly #links: Map<number, SpanContext> = new Map()

  /** Remembers the trace of `span`, which made the order in `slot`, where it is recorded. */
  keep(slot: number, span: Span): void {
    if (!span.isRecording()) return
    if (this.#links.size >= linksMax) {
      const oldest = this.#links.keys().next()
      if (!oldest.done) this.#links.delete(oldest.value)
    }
    this.#links.set(slot, span.spanContext())
  }

  /** The trace of the order in `slot`; undefined where none is known. */
  peek(slot: number): SpanContext | undefined {
    return this.#links.get(slot)
  }

  /** The trace of the order in `slot`, which is then forgotten; undefined where none is known. */
  take(slot: number): SpanContext | undefined {
    const context = this.#links.get(slot)
    if (context) this.#links.delete(slot)
    return context
  }
}
