/**
 * Every name of spans and metrics, given nowhere else; `attribute-names.ts` has the attributes.
 */

/** What an instrument does with its numbers. */
export type MetricKind = 'counter' | 'updown' | 'gauge' | 'histogram'

/** One metric as it is declared. */
export interface MetricName {
  /** OpenTelemetry name: `http.server.request.duration`. */
  readonly name: string
  readonly kind: MetricKind
  /** UCUM: `s`, `By`, `1`, `{request}`. */
  readonly unit: string
  readonly description: string
  /** Attribute keys a series may carry. */
  readonly attributes: readonly string[]
  /** Series held, the overflow series among them. Default 2000. */
  readonly limit?: number
  /** Explicit upper bounds of a histogram. Default: the 14 of semantic conventions, in seconds. */
  readonly bounds?: readonly number[]
  /** Name in the text exposition where it is not the one derived by the OpenTelemetry rules. */
  readonly text?: string
}

/** Bounds of the semantic conventions for durations, in s. */
export const durationBounds: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]

/** Span names. Server spans are named `{method} {route}`. */
export const spanNames = {
  edgeRequest: 'edge.request',
  originFetch: 'origin.fetch',
  seckillCreate: 'seckill.create',
  seckillPurchase: 'seckill.purchase',
  seckillCreateOrderAsync: 'seckill.create_order_async',
  seckillGetStock: 'seckill.get_stock',
  journalAppend: 'journal.append',
  ordersSend: 'send orders',
  rateLimitCheck: 'rate_limit.check',
  recommendMain: 'recommend.main',
  recommendExtractFeatures: 'recommend.extract_features',
  recommendRecall: 'recommend.recall',
  recommendRank: 'recommend.rank',
  recommendRerank: 'recommend.rerank',
  featureCacheUpdate: 'feature_cache.update',
  featureCacheWarmup: 'feature_cache.warmup',
} as const

/** Metrics of all programs. */
export const metricNames = {
  httpServerDuration: {
    name: 'http.server.request.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of HTTP server requests.',
    attributes: [
      'http.request.method',
      'url.scheme',
      'http.route',
      'http.response.status_code',
      'network.protocol.version',
      'error.type',
    ],
  },
  httpClientDuration: {
    name: 'http.client.request.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of HTTP client requests.',
    attributes: [
      'http.request.method',
      'server.address',
      'server.port',
      'url.scheme',
      'http.response.status_code',
      'error.type',
    ],
  },
  httpServerActive: {
    name: 'http.server.active_requests',
    kind: 'updown',
    unit: '{request}',
    description: 'Requests under way.',
    attributes: [],
  },
  streamDuration: {
    name: 'spate.stream.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Life of streams of events, from their first byte; not the duration of a request.',
    attributes: ['http.route'],
  },
  taskDuration: {
    name: 'spate.task.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of work that no request started: consumers, timers, jobs.',
    attributes: ['http.route', 'http.response.status_code'],
    limit: 1000,
  },
  cacheHits: {
    name: 'cache.hits',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests answered from the cache.',
    attributes: ['edge.cache.result', 'node.id'],
  },
  cacheRequests: {
    name: 'cache.requests',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests the cache was asked for.',
    attributes: ['node.id'],
  },
  edgeHitRate: {
    name: 'edge.cache.hit_rate',
    kind: 'gauge',
    unit: '1',
    description: 'Share of requests answered from the cache over the last minute.',
    attributes: ['node.id'],
  },
  edgeOriginLatency: {
    name: 'edge.origin.latency',
    kind: 'histogram',
    unit: 's',
    description: 'Time until the origin answered.',
    attributes: ['server.address', 'http.response.status_code'],
  },
  edgeQps: {
    name: 'edge.qps',
    kind: 'gauge',
    unit: '1',
    description: 'Requests a second over the last minute.',
    attributes: ['node.id'],
  },
  edgeErrorRate: {
    name: 'edge.error_rate',
    kind: 'gauge',
    unit: '1',
    description: 'Share of 5xx answers over the last minute.',
    attributes: ['node.id'],
  },
  edgeBandwidth: {
    name: 'edge.bandwidth',
    kind: 'counter',
    unit: 'By',
    description: 'Body bytes sent to clients.',
    attributes: ['node.id', 'edge.cache.result'],
  },
  edgeCacheObjects: {
    name: 'edge.cache.objects',
    kind: 'gauge',
    unit: '{response}',
    description: 'Responses stored, by tier: memory or disk.',
    attributes: ['edge.cache.tier'],
  },
  edgeCacheBytes: {
    name: 'edge.cache.bytes',
    kind: 'gauge',
    unit: 'By',
    description: 'Bytes stored, overhead included, by tier: memory or disk.',
    attributes: ['edge.cache.tier'],
  },
  edgePeerRequests: {
    name: 'edge.peer.requests',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests to other nodes in place of the origin.',
    attributes: ['node.id'],
  },
  recallDuration: {
    name: 'recommend.recall.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Time a recall channel took, by whether it answered.',
    attributes: ['recall.channel', 'outcome'],
  },
  seckillDeadLetters: {
    name: 'seckill.dead_letters',
    kind: 'counter',
    unit: '{letter}',
    description: 'Changes of orders that could not be stored or sent, by whose work it was.',
    attributes: ['reason'],
  },
  seckillGateRefusals: {
    name: 'seckill.gate.refusals',
    kind: 'counter',
    unit: '{refusal}',
    description: 'Calls the gate refused, by code and, where a rate was exceeded, by whose it was.',
    attributes: ['error.type', 'limit.name'],
  },
  recommendHeld: {
    name: 'recommend.held',
    kind: 'gauge',
    unit: '{entry}',
    description: 'Entries of a structure that is bounded by a setting.',
    attributes: ['recommend.structure'],
  },
  recommendEvicted: {
    name: 'recommend.evicted',
    kind: 'counter',
    unit: '{entry}',
    description: 'Entries that made room because a structure was full.',
    attributes: ['recommend.structure'],
  },
  featureLookups: {
    name: 'recommend.features.lookups',
    kind: 'counter',
    unit: '{lookup}',
    description: 'Features asked for, by what the cache had.',
    attributes: ['outcome'],
  },
  logDropped: {
    name: 'spate.log.dropped',
    kind: 'counter',
    unit: '{record}',
    description: 'Log records held back by the limit per message.',
    attributes: [],
  },
  eventLoopDelay: {
    name: 'nodejs.eventloop.delay.p99',
    kind: 'gauge',
    unit: 's',
    description: 'P99 delay of the event loop since the last collection.',
    attributes: [],
  },
  eventLoopDelayMax: {
    name: 'nodejs.eventloop.delay.max',
    kind: 'gauge',
    unit: 's',
    description: 'Longest delay of the event loop since the last collection.',
    attributes: [],
  },
  eventLoopUtilization: {
    name: 'nodejs.eventloop.utilization',
    kind: 'gauge',
    unit: '1',
    description: 'Share of time the event loop was busy since the last collection.',
    attributes: [],
  },
  gcDuration: {
    name: 'v8js.gc.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Garbage collection pauses.',
    attributes: ['v8js.gc.type'],
    bounds: [0.01, 0.1, 1, 10],
  },
  heapUsed: {
    name: 'v8js.memory.heap.used',
    kind: 'gauge',
    unit: 'By',
    description: 'Heap in use.',
    attributes: [],
  },
  residentMemory: {
    name: 'process.memory.usage',
    kind: 'gauge',
    unit: 'By',
    description: 'Resident memory.',
    attributes: [],
  },
  cpuTime: {
    name: 'process.cpu.time',
    kind: 'counter',
    unit: 's',
    description: 'CPU time used, user and system.',
    attributes: [],
  },
  openFiles: {
    name: 'process.unix.file_descriptor.count',
    kind: 'gauge',
    unit: '{file_descriptor}',
    description: 'Open file descriptors.',
    attributes: [],
  },
  spans: {
    name: 'spate.telemetry.spans',
    kind: 'counter',
    unit: '{span}',
    description: 'Spans by what became of them.',
    attributes: ['outcome'],
  },
  samplingProbability: {
    name: 'spate.telemetry.sampling.probability',
    kind: 'gauge',
    unit: '1',
    description: 'Probability with which a new trace is kept now.',
    attributes: [],
  },
  samplingBudget: {
    name: 'spate.telemetry.sampling.budget',
    kind: 'gauge',
    unit: '{span}',
    description: 'Spans kept a second at most; 0 sets no limit.',
    attributes: [],
  },
  tracesWaiting: {
    name: 'spate.telemetry.traces.waiting',
    kind: 'gauge',
    unit: '{trace}',
    description: 'Local traces held back in case another program, or a peer, keeps theirs.',
    attributes: [],
  },
  attributesRefused: {
    name: 'spate.telemetry.attributes.refused',
    kind: 'counter',
    unit: '{attribute}',
    description: 'Attributes that were not on the list of allowed names.',
    attributes: [],
  },
  contextsRefused: {
    name: 'spate.telemetry.contexts.refused',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests whose traceparent or tracestate was not valid.',
    attributes: ['field'],
  },
  valuesRefused: {
    name: 'spate.telemetry.values.refused',
    kind: 'counter',
    unit: '{value}',
    description: 'Measurements that were NaN, infinite or negative.',
    attributes: [],
  },
  requestCost: {
    name: 'spate.telemetry.request.cost',
    kind: 'gauge',
    unit: 's',
    description: 'CPU time telemetry adds to a request, measured on one request in 1024.',
    attributes: [],
  },
  keeps: {
    name: 'spate.telemetry.keeps',
    kind: 'counter',
    unit: '{trace}',
    description: 'Kept traces that peers were told of, by what became of the telling.',
    attributes: ['outcome'],
  },
  spanMemory: {
    name: 'spate.telemetry.spans.memory',
    kind: 'gauge',
    unit: 'By',
    description: 'Typed memory for spans whose trace is not judged yet.',
    attributes: [],
  },
  exported: {
    name: 'spate.telemetry.exported',
    kind: 'counter',
    unit: '{item}',
    description: 'Spans, points and records a receiver accepted.',
    attributes: ['signal'],
  },
  exportedBytes: {
    name: 'spate.telemetry.exported.size',
    kind: 'counter',
    unit: 'By',
    description: 'Bytes sent, after compression.',
    attributes: ['signal'],
  },
  exportRejected: {
    name: 'otlp.rejected',
    kind: 'counter',
    unit: '{item}',
    description: 'Items a receiver refused for good (partial success or a final error).',
    attributes: ['signal'],
  },
  exportDropped: {
    name: 'spate.telemetry.dropped',
    kind: 'counter',
    unit: '{item}',
    description: 'Items lost because a queue or the disk limit was full.',
    attributes: ['signal', 'reason'],
  },
  exportRetries: {
    name: 'spate.telemetry.retries',
    kind: 'counter',
    unit: '{request}',
    description: 'Export requests that will be sent again.',
    attributes: ['signal'],
  },
  exportQueue: {
    name: 'spate.telemetry.queue.size',
    kind: 'gauge',
    unit: 'By',
    description: 'Bytes that wait in memory to be sent.',
    attributes: [],
  },
  exportSpilled: {
    name: 'spate.telemetry.spilled',
    kind: 'gauge',
    unit: 'By',
    description: 'Bytes that wait on disk to be sent.',
    attributes: [],
  },
} as const

metricNames satisfies Readonly<Record<string, MetricName>>
