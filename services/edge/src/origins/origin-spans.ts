import { SpanKind, SpanStatusCode, trace, type Attributes, type Span } from '@opentelemetry/api'
import type { Request } from '@spate/http/exchange'
import { isEventStream } from '@spate/http/sse'
import type { Clock } from '@spate/runtime/clock'
import type { Fault } from '@spate/runtime/fault'
import type { Family, HistogramSeries } from '@spate/telemetry/metrics'
import { metricNames, spanNames } from '@spate/telemetry/names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { CacheResult } from '../domain/cache-result.ts'
import type { FieldList } from '../domain/fields.ts'
import type { OriginRequest, OriginSink } from './origin.ts'
import type { EdgeMetrics } from '../metrics.ts'
import type { Statistics } from '../statistics.ts'

/** A request with trace context on it, and a sink that ends its span. */
export interface TracedRequest {
  readonly request: OriginRequest
  sink(inner: OriginSink): OriginSink
}

/** What a node is called in traces. */
export interface NodeName {
  readonly id: string
  readonly region: string
}

/** What `OriginSpans` needs. */
export interface OriginSpansOptions {
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly statistics: Statistics
  readonly metrics: EdgeMetrics
  readonly node: NodeName
}

interface Watched {
  readonly method: string
  readonly span: Span
  /** The `edge.request` around it. */
  readonly whole: Span
}

/**
 * Makes the `edge.request` span of each request that goes forward and the `origin.fetch` span in it,
 * and measures latency. A request that is answered from the store has its `edge.request` only where
 * its trace is kept from the beginning: most hits make no span.
 */
export class OriginSpans {
  readonly #telemetry: Telemetry
  readonly #clock: Clock
  readonly #statistics: Statistics
  readonly #metrics: EdgeMetrics
  readonly #attributes: Attributes
  readonly #duration: Family<HistogramSeries>

  constructor(options: OriginSpansOptions) {
    const { telemetry, clock, statistics, metrics, node } = options
    this.#telemetry = telemetry
    this.#clock = clock
    this.#statistics = statistics
    this.#metrics = metrics
    this.#attributes = { 'cache.hit': false, 'node.id': node.id, 'node.region': node.region }
    this.#duration = telemetry.metrics.histogram(metricNames.httpClientDuration)
  }

  /** The `edge.request` span of a request that was just answered from the store. */
  readonly hit = (request: Request, result: CacheResult): void => {
    const attributes = { ...this.#attributes, 'cache.hit': true, 'edge.cache.result': result }
    const { arrivedMs: startTime, context } = request
    this.#telemetry.tracer
      .startSpan(spanNames.edgeRequest, { attributes, startTime }, context)
      .end()
  }

  begin(request: OriginRequest, cause: Request): TracedRequest {
    const { tracer } = this.#telemetry
    const whole = tracer.startSpan(
      spanNames.edgeRequest,
      { attributes: this.#attributes },
      cause.context,
    )
    const context = trace.setSpan(cause.context, whole)
    const span = tracer.startSpan(
      spanNames.originFetch,
      {
        kind: SpanKind.CLIENT,
        attributes: {
          'http.request.method': request.method,
          'url.path': request.target.split('?', 1)[0] ?? '',
        },
      },
      context,
    )
    const headers: string[] = [...request.headers]
    this.#telemetry.propagator.inject(trace.setSpan(context, span), headers, listSetter)
    return {
      request: { ...request, headers },
      sink: (inner) => this.#watch(inner, { method: request.method, span, whole }),
    }
  }

  #watch(inner: OriginSink, { method, span, whole }: Watched): OriginSink {
    const startMs = this.#clock.elapsed()
    const statistics = this.#statistics
    let address = ''
    const facts: Attributes = { 'http.request.method': method }
    let counted = false
    const count = (): void => {
      if (counted) return
      counted = true
      this.#duration.series(facts).record((this.#clock.elapsed() - startMs) / 1000)
    }
    return {
      chosen: (name) => {
        address = name
        const colon = name.lastIndexOf(':')
        facts['server.address'] = colon < 0 ? name : name.slice(0, colon)
        if (colon >= 0) facts['server.port'] = Number(name.slice(colon + 1))
        span.setAttributes(facts)
      },
      interim: (status, headers) => inner.interim(status, headers),
      head: (status, headers) => {
        const waitedMs = this.#clock.elapsed() - startMs
        statistics.originLatencyMs += waitedMs
        this.#metrics.latency(waitedMs / 1000, status, address)
        span.setAttribute('http.response.status_code', status)
        facts['http.response.status_code'] = status
        // Of a stream of events only the wait for its first byte is the duration of a request.
        if (isEventStream(headers)) count()
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
        inner.head(status, headers)
      },
      data: (chunk) => {
        statistics.bytesFromOrigin += chunk.length
        inner.data(chunk)
      },
      end: () => {
        count()
        span.end()
        whole.end()
        inner.end()
      },
      fail: (fault: Fault) => {
        statistics.originFailures++
        facts['error.type'] = fault.code
        count()
        span.setAttribute('error.type', fault.code)
        span.setStatus({ code: SpanStatusCode.ERROR, message: fault.message })
        span.end()
        whole.setAttribute('error.type', fault.code)
        whole.setStatus({ code: SpanStatusCode.ERROR, message: fault.message })
        whole.end()
        inner.fail(fault)
      },
    }
  }
}

const listSetter = {
  set(carrier: FieldList, name: string, value: string): void {
    ;(carrier as string[]).push(name, value)
  },
}
