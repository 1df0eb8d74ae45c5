import { SpanStatusCode } from '@opentelemetry/api'
import { valueText } from './log-store.ts'
import type { SpanRecord } from './span-record.ts'

/**
 * Finished spans of kept traces, held in memory for the console. Bounded by bytes and by traces;
 * the trace that was touched longest ago goes first.
 */

/** How much a store holds. */
export interface TraceStoreLimits {
  /** Traces held at most. Default 10,000. */
  readonly traces?: number
  /** Estimated bytes held at most. Default 64 MiB. */
  readonly bytes?: number
  /** Spans of one trace held at most. Default 2,000. */
  readonly spansPerTrace?: number
}

/** A span with its children, ordered by start. */
export interface SpanTree {
  readonly span: SpanRecord
  readonly children: readonly SpanTree[]
}

/** One line of a list of traces. */
export interface TraceSummary {
  readonly traceId: string
  /** Name and service of the first root; of the earliest span where the root is not here. */
  readonly name: string
  readonly service: string
  readonly services: readonly string[]
  /** Wall time, ms. */
  readonly startMs: number
  readonly durationMs: number
  readonly spans: number
  readonly errors: number
}

/** Which traces to list; all conditions must hold. */
export interface TraceQuery {
  readonly service?: string
  readonly errorsOnly?: boolean
  readonly durationMsMin?: number
  readonly durationMsMax?: number
  /** A text that some span's name contains. */
  readonly name?: string
  /** `http.route` of some span. */
  readonly route?: string
  /** `http.response.status_code` of some span: `404`, or `5xx` for all of a class. */
  readonly status?: string
  /** An attribute of some span, as text: `['order.id', 'o-1']`; an empty value asks that it is there. */
  readonly attribute?: readonly [name: string, value: string]
  /** Most traces listed. Default 50. */
  readonly limit?: number
}

interface Held {
  readonly spans: SpanRecord[]
  bytes: number
}

/** A bounded set of traces. */
export class TraceStore {
  readonly #traces = new Map<string, Held>()
  readonly #limits: Required<TraceStoreLimits>
  readonly #watchers = new Set<(spans: readonly SpanRecord[]) => void>()
  #bytes = 0
  /** Spans not held, or let go of, because of a limit. */
  dropped = 0

  constructor(limits: TraceStoreLimits = {}) {
    this.#limits = { traces: 10_000, bytes: 64 * 1024 ** 2, spansPerTrace: 2000, ...limits }
  }

  /** Takes finished spans: a `SpanSink`. */
  readonly sink = (spans: readonly SpanRecord[]): void => {
    for (const span of spans) this.#add(span)
    while (this.#traces.size > this.#limits.traces || this.#bytes > this.#limits.bytes)
      this.#evict()
    for (const watcher of this.#watchers) watcher(spans)
  }

  /** Calls `watcher` with spans as they arrive; returns a function that stops it. */
  watch(watcher: (spans: readonly SpanRecord[]) => void): () => void {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  /** Traces held, their estimated bytes, and the most that may be held. */
  get size(): {
    readonly traces: number
    readonly bytes: number
    readonly bytesMax: number
    readonly dropped: number
  } {
    const { size } = this.#traces
    return { traces: size, bytes: this.#bytes, bytesMax: this.#limits.bytes, dropped: this.dropped }
  }

  /** All spans of a trace by start; empty where it is not held. O(n log n). */
  spans(traceId: string): readonly SpanRecord[] {
    const held = this.#traces.get(traceId)
    return held ? [...held.spans].sort((a, b) => a.startMs - b.startMs) : []
  }

  /** Roots of a trace with their descendants; a span whose parent is not here is a root. O(n log n). */
  tree(traceId: string): readonly SpanTree[] {
    interface Node {
      readonly span: SpanRecord
      readonly children: Node[]
    }
    const nodes = new Map<string, Node>()
    const ordered: Node[] = []
    for (const span of this.spans(traceId)) {
      const node: Node = { span, children: [] }
      if (!nodes.has(span.spanId)) nodes.set(span.spanId, node)
      ordered.push(node)
    }
    const roots: Node[] = []
    for (const node of ordered) {
      const parent = nodes.get(node.span.parentSpanId)
      // A parent that starts its own chain again would make a circle: such a span becomes a root.
      if (parent && parent !== node && !within(node, parent)) parent.children.push(node)
      else roots.push(node)
    }
    return roots
  }

  /** Newest traces first. O(traces held). */
  list(query: TraceQuery = {}): readonly TraceSummary[] {
    const found: TraceSummary[] = []
    const limit = query.limit ?? 50
    for (const [traceId, { spans }] of [...this.#traces].reverse()) {
      if (found.length >= limit) break
      const summary = summarize(traceId, spans)
      if (query.service !== undefined && !summary.services.includes(query.service)) continue
      if (query.errorsOnly && summary.errors === 0) continue
      if (query.durationMsMin !== undefined && summary.durationMs < query.durationMsMin) continue
      if (query.durationMsMax !== undefined && summary.durationMs > query.durationMsMax) continue
      if (!spansFit(spans, query)) continue
      found.push(summary)
    }
    return found
  }

  /** Services seen in the traces held, sorted. O(spans held). */
  services(): readonly string[] {
    const names = new Set<string>()
    for (const { spans } of this.#traces.values()) for (const span of spans) names.add(span.service)
    return [...names].sort()
  }

  clear(): void {
    this.#traces.clear()
    this.#bytes = 0
  }

  #add(span: SpanRecord): void {
    const held = this.#traces.get(span.traceId) ?? { spans: [], bytes: 0 }
    // Put at the end again: the order of the map is the order of last touch.
    this.#traces.delete(span.traceId)
    this.#traces.set(span.traceId, held)
    if (held.spans.length >= this.#limits.spansPerTrace) {
      this.dropped++
      return
    }
    const bytes = bytesOf(span)
    held.spans.push(span)
    held.bytes += bytes
    this.#bytes += bytes
  }

  #evict(): void {
    for (const [traceId, held] of this.#traces) {
      this.#traces.delete(traceId)
      this.#bytes -= held.bytes
      this.dropped += held.spans.length
      return
    }
  }
}

/** True where for each condition there is a span that meets it. */
function spansFit(spans: readonly SpanRecord[], query: TraceQuery): boolean {
  const { name, route, status, attribute } = query
  const some = (condition: (span: SpanRecord) => boolean): boolean => spans.some(condition)
  if (name !== undefined && !some((span) => span.name.includes(name))) return false
  if (route !== undefined && !some(({ attributes }) => attributes['http.route'] === route))
    return false
  if (status !== undefined && !some(({ attributes }) => statusFits(attributes, status)))
    return false
  if (attribute === undefined) return true
  const [key, value] = attribute
  return some(({ attributes }) => {
    const given = attributes[key]
    return given !== undefined && (value === '' || valueText(given) === value)
  })
}

function statusFits(attributes: SpanRecord['attributes'], wanted: string): boolean {
  const given = attributes['http.response.status_code']
  if (given === undefined) return false
  return wanted.endsWith('xx')
    ? valueText(given).startsWith(wanted.slice(0, 1))
    : valueText(given) === wanted
}

function within(node: { readonly children: readonly unknown[] }, parent: unknown): boolean {
  const queue: unknown[] = [...node.children]
  for (let at = 0; at < queue.length; at++) {
    if (queue[at] === parent) return true
    queue.push(...(queue[at] as { readonly children: readonly unknown[] }).children)
  }
  return false
}

function summarize(traceId: string, spans: readonly SpanRecord[]): TraceSummary {
  let root = spans[0] as SpanRecord
  let startMs = Number.POSITIVE_INFINITY
  let endMs = 0
  let errors = 0
  const services = new Set<string>()
  for (const span of spans) {
    if (span.startMs < startMs) startMs = span.startMs
    if (span.endMs > endMs) endMs = span.endMs
    if (span.status.code === SpanStatusCode.ERROR) errors++
    services.add(span.service)
    const better =
      (span.parentSpanId === '') === (root.parentSpanId === '')
        ? span.startMs < root.startMs
        : span.parentSpanId === ''
    if (better) root = span
  }
  const { name, service } = root
  const durationMs = endMs - startMs
  return {
    traceId,
    name,
    service,
    services: [...services],
    startMs,
    durationMs,
    spans: spans.length,
    errors,
  }
}

/** Rough bytes a record holds: object headers, ids, numbers, and its texts. O(attributes). */
function bytesOf(span: SpanRecord): number {
  let bytes = 400 + 2 * span.name.length + span.traceState.length
  const weigh = (attributes: Readonly<Record<string, unknown>>): void => {
    for (const name in attributes) {
      const value = attributes[name]
      bytes += 24 + (typeof value === 'string' ? 2 * value.length : 8)
      if (Array.isArray(value)) bytes += 2 * JSON.stringify(value).length
    }
  }
  weigh(span.attributes)
  for (const event of span.events) {
    bytes += 64 + 2 * event.name.length
    weigh(event.attributes)
  }
  for (const link of span.links) {
    bytes += 128
    weigh(link.attributes)
  }
  return bytes
}
