import * as api from '@opentelemetry/api'
import {
  AlwaysOnSampler,
  NoopSpanProcessor,
  TracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace'
import type { BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { metricNames } from './names.ts'
import { encodeTraces } from './otlp/encode-traces.ts'
import type { SpanRecord } from './span-record.ts'
import { createTelemetry } from './telemetry.ts'

/** Rounds of each subject; the median and the spread are printed. */
const rounds = 5

function timed(count: number, task: (at: number) => void): string {
  const figures: number[] = []
  for (let at = 0; at < count / 4; at++) task(at)
  for (let round = 0; round < rounds; round++) {
    const begun = systemClock.elapsed()
    for (let at = 0; at < count; at++) task(at)
    figures.push(((systemClock.elapsed() - begun) * 1e6) / count)
  }
  figures.sort((a, b) => a - b)
  const round = (value: number | undefined): string => (value ?? 0).toFixed(0)
  return `${round(figures[rounds >> 1])} (${round(figures[0])}..${round(figures.at(-1))})`
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

/** Cost of one request, one span, one measurement: ours beside the official SDK. */
export async function run(): Promise<BenchTable> {
  const rows: { label: string; figures: Record<string, string> }[] = []
  const add = (label: string, nanoseconds: string): void =>
    void rows.push({ label, figures: { 'ns each': nanoseconds } })
  const made: SpanRecord[] = []
  const request = (rate: number, strategy: 'fixed' | 'adaptive'): ((at: number) => void) => {
    const telemetry = createTelemetry({
      serviceName: 'bench',
      sampling: { strategy, rate, spansPerSecond: 0 },
      sinks: [
        (spans) => {
          if (made.length < 1000) made.push(...spans)
        },
      ],
    })
    return () => telemetry.beginServer(view(systemClock.elapsed())).end(200, '/items/{id}')
  }
  add('request, not sampled (fixed 0.01 %)', timed(300_000, request(0.0001, 'fixed')))
  add('request, adaptive 1 %, errors and slow kept', timed(300_000, request(0.01, 'adaptive')))
  add('request, every one recorded', timed(100_000, request(1, 'fixed')))
  const batch = made.slice(0, 1000)
  add(
    'encode one span as OTLP protobuf',
    timed(200, () => void encodeTraces(batch)).replaceAll(/\d+/g, (figure) =>
      String(Math.round(Number(figure) / batch.length)),
    ),
  )
  const metrics = createTelemetry({ serviceName: 'bench' }).metrics
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
  return {
    name: 'telemetry',
    title: 'Telemetry: what a request, a span and a measurement cost',
    rows,
    notes: [
      'One process, in a loop, no kernel; median of five rounds (least..most).',
      'Controls: @opentelemetry/sdk-trace 3.1.1 by hand, no exporter, same attributes, in the same run.',
      'The histogram of the official SDK is left out: without a reader it drops, with one it measures the reader.',
      'A request here is ids, decision, two clock reads, histogram, counters; the control is the span alone.',
    ],
  }
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
