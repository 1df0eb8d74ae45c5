import * as api from '@opentelemetry/api'
import {
  AlwaysOnSampler,
  NoopSpanProcessor,
  TracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace'
import { AggregationType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import type { BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { metricNames } from './names.ts'
import { RowWriter } from './otlp/row-writer.ts'
import type { SamplingOptions } from './sampler.ts'
import { rowBytes } from './span-rows.ts'
import { createTelemetry, type Exporter, type Telemetry } from './telemetry.ts'

/** Short rounds of each subject: the least is what it costs, the median what the machine made of it. */
const rounds = 15

function timed(count: number, task: (at: number) => void): string {
  const figures: number[] = []
  const each = Math.ceil(count / rounds)
  for (let at = 0; at < each; at++) task(at)
  for (let round = 0; round < rounds; round++) {
    const begun = systemClock.elapsed()
    for (let at = 0; at < each; at++) task(at)
    figures.push(((systemClock.elapsed() - begun) * 1e6) / each)
  }
  figures.sort((a, b) => a - b)
  const round = (value: number | undefined): string => (value ?? 0).toFixed(0)
  return `${round(figures[0])} (median ${round(figures[rounds >> 1])})`
}

const headers = { get: () => undefined }
const view = (
  arrivedMs: number,
): Parameters<ReturnType<typeof createTelemetry>['beginServer']>[0] => ({
  method: 'GET',
  path: '/items/7',
  host: 'shop',
  httpVersion: '1.1',
  secure: false,
  arrivedMs,
  headers,
})

/** A telemetry whose kept spans are written to OTLP, and let go of each thousand. */
function exporting(sampling: SamplingOptions): Telemetry {
  let writer: RowWriter | undefined
  let count = 0
  const exporter: Exporter = {
    rows(resource, gate) {
      writer = new RowWriter(resource, gate, (spans) => {
        count += spans
        if (count < 1000) return
        count = 0
        writer?.take()
      })
      return writer.sink
    },
    flush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  }
  return createTelemetry({ serviceName: 'bench', sampling, exporters: [exporter] })
}

const plain = (sampling: SamplingOptions): Telemetry =>
  createTelemetry({ serviceName: 'bench', sampling })

function request(telemetry: Telemetry): (at: number) => void {
  return () => telemetry.beginServer(view(systemClock.elapsed())).end(200, '/items/{id}')
}

/** A child span with two attributes, sixty to a request. */
function child(telemetry: Telemetry): (at: number) => void {
  const attributes = { 'user.id': 'u1', 'cache.hit': true }
  let exchange = telemetry.beginServer(view(systemClock.elapsed()))
  return (at) => {
    if (at % 60 === 0) {
      exchange.end(200, '/items/{id}')
      exchange = telemetry.beginServer(view(systemClock.elapsed()))
    }
    telemetry.tracer.startSpan('seckill.purchase', { attributes }, exchange).end()
  }
}

/** Cost of one request, one span, one measurement: ours beside the official SDK. */
export function run(): Promise<BenchTable> {
  const rows: { label: string; figures: Record<string, string> }[] = []
  const add = (label: string, each: string): void =>
    void rows.push({ label, figures: { 'ns each': each } })
  const all: SamplingOptions = { strategy: 'fixed', rate: 1 }
  const tail: SamplingOptions = { strategy: 'adaptive', rate: 0.0001, spansPerSecond: 0 }
  add(
    'two clock readings, part of each line below',
    timed(300_000, () => {
      systemClock.elapsed()
      systemClock.elapsed()
    }),
  )
  add(
    'request, not sampled (fixed 0.01 %)',
    timed(300_000, request(plain({ ...all, rate: 0.0001 }))),
  )
  add(
    'request, adaptive 1 %, errors and slow kept',
    timed(300_000, request(plain({ ...tail, rate: 0.01 }))),
  )
  add('child span, recorded and let go', timed(200_000, child(plain(tail))))
  add('child span, recorded, kept and encoded', timed(200_000, child(exporting(all))))
  add('request, recorded and kept, no exporter', timed(100_000, request(plain(all))))
  add('request, recorded, kept and encoded as OTLP', timed(100_000, request(exporting(all))))
  add('typed memory of a span', `${rowBytes} B`)
  const { metrics } = createTelemetry({ serviceName: 'bench' })
  const series = metrics.histogram(metricNames.httpServerDuration).series({ 'http.route': '/a' })
  add(
    'histogram record by handle',
    timed(3_000_000, (at) => series.record((at & 1023) / 1000 + 0.001)),
  )
  const family = metrics.histogram(metricNames.edgeOriginLatency)
  add(
    'histogram record by attributes',
    timed(500_000, (at) =>
      family
        .series({ 'server.address': 'a', 'http.response.status_code': 200 + (at & 3) })
        .record(0.01),
    ),
  )
  controls(add)
  meterControls(add)
  return Promise.resolve({
    name: 'telemetry',
    title: 'Telemetry: what a request, a span and a measurement cost',
    rows,
    notes: [
      'One process, in a loop, no kernel; least and median of fifteen short rounds.',
      'Controls: @opentelemetry/sdk-trace and sdk-metrics 3.1.1 by hand, no exporter, same attributes, in the same run.',
      'Encoding is the difference of the lines with and without it.',
      'A request here is ids, decision, two clock readings, histogram, counters; the control is the span alone, without a histogram.',
      'As a share of a request of 25 us: 25 ns is 0.1 %, 125 ns 0.5 %, 250 ns 1 %. Two clock readings alone are more than 0.1 %.',
      'Bytes of a minute, against spans and against points: `spate telemetry report`. In a running program the cost is `spate_telemetry_request_cost_seconds` in /metrics.',
    ],
  })
}

/** Collects only when asked, which nobody does. */
class IdleReader extends MetricReader {
  protected onForceFlush(): Promise<void> {
    return Promise.resolve()
  }
  protected onShutdown(): Promise<void> {
    return Promise.resolve()
  }
}

/** The official exponential histogram; it has no handles, so each record looks its series up. */
function meterControls(add: (label: string, nanoseconds: string) => void): void {
  const aggregationSelector = () => ({ type: AggregationType.EXPONENTIAL_HISTOGRAM as const })
  const meter = new MeterProvider({
    readers: [new IdleReader({ aggregationSelector })],
  }).getMeter('bench')
  const histogram = meter.createHistogram('bench', { unit: 's' })
  add(
    'control: sdk-metrics exponential histogram, no attributes',
    timed(300_000, (at) => histogram.record((at & 1023) / 1000 + 0.001)),
  )
  add(
    'control: sdk-metrics exponential histogram, two attributes',
    timed(100_000, (at) =>
      histogram.record(0.01, {
        'server.address': 'a',
        'http.response.status_code': 200 + (at & 3),
      }),
    ),
  )
}

function controls(add: (label: string, nanoseconds: string) => void): void {
  const attributes = {
    'http.request.method': 'GET',
    'url.path': '/items/7',
    'url.scheme': 'http',
    'server.address': 'shop',
    'network.protocol.version': '1.1',
  }
  const span = (sampler: Sampler): ((at: number) => void) => {
    const tracer = new TracerProvider({
      sampler,
      spanProcessors: [new NoopSpanProcessor()],
    }).getTracer('bench')
    return () => {
      const one = tracer.startSpan(
        'GET',
        { kind: api.SpanKind.SERVER, attributes },
        api.ROOT_CONTEXT,
      )
      one.setAttribute('http.response.status_code', 200)
      one.setAttribute('http.route', '/items/{id}')
      one.end()
    }
  }
  add(
    'control: SDK span by hand, 1 %',
    timed(100_000, span(new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0.01) }))),
  )
  add('control: SDK span by hand, every one', timed(100_000, span(new AlwaysOnSampler())))
}
