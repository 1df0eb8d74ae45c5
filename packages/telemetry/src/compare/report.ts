import { gzipSync } from 'node:zlib'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { SeededChance } from '@spate/runtime/chance'
import { metricsOf } from '../collect.ts'
import { MetricRegistry } from '../metrics.ts'
import { metricNames } from '../names.ts'
import { encodeMetrics } from '../otlp/encode-metrics.ts'
import { encodeTraces } from '../otlp/encode-traces.ts'
import type { MetricData } from '../otlp/model.ts'
import type { SpanRecord } from '../span-record.ts'

/**
 * One minute of traffic reported three ways: a span for each request, a point for each request, and
 * one exponential histogram for each series (route and status). All of it is encoded and
 * compressed in earnest; only the latencies are made up.
 */

/** Requests of one route and status within the minute. */
export interface SeriesTraffic {
  readonly route: string
  readonly status: number
  readonly requests: number
}

/** Bytes of one way to report. */
export interface ReportBytes {
  readonly raw: number
  readonly gzip: number
}

/** What the three ways cost. */
export interface ReportSizes {
  readonly requests: number
  readonly series: number
  readonly spans: ReportBytes
  readonly points: ReportBytes
  readonly aggregate: ReportBytes
}

const resource = { 'service.name': 'report', 'service.version': '1.0.0' }
const scope = { name: 'spate' }
const batch = 1000
const level = 6
const startMs = 1_700_000_000_000

/** Encodes the traffic three ways. O(requests). Calls `onBatch` with requests done, now and then. */
export async function reportSizes(
  traffic: readonly SeriesTraffic[],
  seed: number,
  onBatch: (done: number) => void = () => {},
): Promise<ReportSizes> {
  const chance = new SeededChance(seed)
  const registry = new MetricRegistry(() => startMs)
  const family = registry.histogram({ ...metricNames.httpServerDuration, limit: 1_000_000 })
  const spans = new Sizes()
  const points = new Sizes()
  let waiting: Item[] = []
  let requests = 0
  const send = async (): Promise<void> => {
    spans.add(encodeTraces(waiting.map((item) => spanOf(item, chance))))
    points.add(encodeMetrics([gaugeOf(waiting)]))
    requests += waiting.length
    waiting = []
    onBatch(requests)
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const item of shuffled(traffic, chance)) {
    family.series(attributesOf(item)).record(item.seconds)
    if (waiting.push(item) >= batch) await send()
  }
  if (waiting.length > 0) await send()
  const aggregate = new Sizes()
  const metrics = metricsOf(registry.collect(), resource, startMs + 60_000)
  aggregate.add(encodeMetrics(metrics))
  return {
    requests,
    series: family.size,
    spans: spans.bytes,
    points: points.bytes,
    aggregate: aggregate.bytes,
  }
}

/**
 * Requests a series needs in a minute so that the aggregate saves `share` of what one item a
 * request costs. At share 0: where both are equal.
 */
export function breakEven(sizes: ReportSizes, per: ReportBytes, share: number): number {
  const perSeries = sizes.aggregate.gzip / sizes.series
  return perSeries / ((1 - share) * (per.gzip / sizes.requests))
}

/** Zipf's law over `routes`; of each route's requests 94 % are 200, 5 % 404 and 1 % 500 (as many of these as `statuses`). */
export function plannedTraffic(
  requests: number,
  routes: number,
  statuses: number,
): readonly SeriesTraffic[] {
  const shares = [0.94, 0.05, 0.01, ...Array.from({ length: 7 }, () => 0.002)].slice(0, statuses)
  const codes = [200, 404, 500, 201, 204, 304, 400, 401, 403, 503]
  const whole = shares.reduce((sum, share) => sum + share, 0)
  let harmonic = 0
  for (let at = 1; at <= routes; at++) harmonic += 1 / at
  return Array.from({ length: routes }, (_, route) => route).flatMap((route) =>
    shares.map((share, at) => ({
      route: `/shop/section-${route}/{id}`,
      status: codes[at] as number,
      // Whole requests, and at least one: a series that is not there costs nothing.
      requests: Math.max(1, Math.round((requests * share) / whole / (route + 1) / harmonic)),
    })),
  )
}

interface Item {
  readonly route: string
  readonly status: number
  readonly seconds: number
  readonly atMs: number
}

/** The requests of all series over the minute, mixed. */
function* shuffled(traffic: readonly SeriesTraffic[], chance: SeededChance): Generator<Item> {
  const left = traffic.map(({ requests }) => requests)
  const order: number[] = []
  for (const [at, count] of left.entries()) for (let n = 0; n < count; n++) order.push(at)
  for (let at = order.length - 1; at > 0; at--) {
    const other = chance.integer(0, at)
    const held = order[at] as number
    order[at] = order[other] as number
    order[other] = held
  }
  for (const [turn, at] of order.entries()) {
    const { route, status } = traffic[at] as SeriesTraffic
    const normal =
      Math.sqrt(-2 * Math.log(1 - chance.float())) * Math.cos(2 * Math.PI * chance.float())
    const seconds = (0.002 + (at % 17) / 1000) * Math.exp(0.5 * normal)
    yield { route, status, seconds, atMs: startMs + (60_000 * turn) / order.length }
  }
}

const attributesOf = ({ route, status }: Item): Record<string, string | number> => ({
  'http.request.method': 'GET',
  'url.scheme': 'http',
  'http.route': route,
  'http.response.status_code': status,
})

function spanOf(item: Item, chance: SeededChance): SpanRecord {
  const hex = (bytes: number): string => {
    const id = Buffer.alloc(bytes)
    chance.fill(id)
    return id.toString('hex')
  }
  return {
    traceId: hex(16),
    spanId: hex(8),
    parentSpanId: '',
    traceState: 'ot=th:0',
    flags: 3,
    remoteParent: false,
    name: `GET ${item.route}`,
    kind: SpanKind.SERVER,
    startMs: item.atMs,
    endMs: item.atMs + 1000 * item.seconds,
    attributes: {
      ...attributesOf(item),
      'url.path': item.route.replace('{id}', String(chance.integer(1, 9999))),
      'network.protocol.version': '1.1',
      'server.address': 'shop.example',
      'user_agent.original': 'Mozilla/5.0 (X11; Linux x86_64)',
    },
    droppedAttributes: 0,
    events: [],
    droppedEvents: 0,
    links: [],
    droppedLinks: 0,
    status: { code: item.status >= 500 ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    service: 'report',
    resource,
    scope,
  }
}

function gaugeOf(items: readonly Item[]): MetricData {
  return {
    name: 'http.server.request.duration',
    unit: 's',
    description: '',
    resource,
    scope,
    kind: 'gauge',
    points: items.map((item) => ({
      attributes: attributesOf(item),
      startMs: 0,
      timeMs: item.atMs,
      value: item.seconds,
      exemplars: [],
    })),
  }
}

class Sizes {
  #raw = 0
  #gzip = 0

  add(message: Uint8Array): void {
    this.#raw += message.length
    this.#gzip += gzipSync(message, { level }).length
  }

  get bytes(): ReportBytes {
    return { raw: this.#raw, gzip: this.#gzip }
  }
}
