import { SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api'
import type { Request } from '@spate/http/exchange'
import type { Clock } from '@spate/runtime/clock'
import type { Fault } from '@spate/runtime/fault'
import { spanNames } from '@spate/telemetry/names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { FieldList } from '../domain/fields.ts'
import type { OriginRequest, OriginSink } from './origin.ts'
import type { EdgeMetrics } from '../metrics.ts'
import type { Statistics } from '../statistics.ts'

/** A request with trace context on it, and a sink that ends its span. */
export interface TracedRequest {
  readonly request: OriginRequest
  sink(inner: OriginSink): OriginSink
}

/**
 * Makes the `edge.request` span of each request that goes forward and the `origin.fetch` span in it,
 * and measures latency. A hit makes no span of its own: the server span tells all there is.
 */
export class OriginSpans {
  readonly #telemetry: Telemetry
  readonly #clock: Clock
  readonly #statistics: Statistics
  readonly #metrics: EdgeMetrics

  constructor(telemetry: Telemetry, clock: Clock, statistics: Statistics, metrics: EdgeMetrics) {
    this.#telemetry = telemetry
    this.#clock = clock
    this.#statistics = statistics
    this.#metrics = metrics
  }

  begin(request: OriginRequest, cause: Request): TracedRequest {
    const { tracer } = this.#telemetry
    const whole = tracer.startSpan(
      spanNames.edgeRequest,
      { attributes: { 'cache.hit': false } },
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
      sink: (inner) => this.#watch(inner, span, whole),
    }
  }

  #watch(inner: OriginSink, span: Span, whole: Span): OriginSink {
    const startMs = this.#clock.elapsed()
    const statistics = this.#statistics
    let address = ''
    return {
      chosen: (name) => {
        address = name
        span.setAttribute('server.address', name)
      },
      interim: (status, headers) => inner.interim(status, headers),
      head: (status, headers) => {
        const waitedMs = this.#clock.elapsed() - startMs
        statistics.originLatencyMs += waitedMs
        this.#metrics.latency(waitedMs / 1000, status, address)
        span.setAttribute('http.response.status_code', status)
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
        inner.head(status, headers)
      },
      data: (chunk) => {
        statistics.bytesFromOrigin += chunk.length
        inner.data(chunk)
      },
      end: () => {
        span.end()
        whole.end()
        inner.end()
      },
      fail: (fault: Fault) => {
        statistics.originFailures++
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
