import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { cpuMs, memoryBytes } from '@spate/runtime/host'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { SpanScope } from '../context.ts'
import { encodeTraces } from '../otlp/encode-traces.ts'
import { injectHeaders } from '../propagator.ts'
import type { SamplingOptions } from '../sampler.ts'
import type { SpanRecord } from '../span-record.ts'
import { createTelemetry, noTelemetry, type Telemetry } from '../telemetry.ts'
import { Traffic, type PlannedRequest, type TrafficPlan } from './traffic.ts'

/** What one strategy did with the traffic. */
export interface Replay {
  readonly strategy: string
  /** CPU time of this process for the whole replay, ns a request. */
  readonly cpuNs: number
  /** Spans made and spans sent. */
  readonly spansMade: number
  readonly spansKept: number
  /** Bytes of what was sent: OTLP protobuf in batches of 1000, gzip. */
  readonly wireBytes: number
  /** Memory held when the traffic ended, beyond what was held before it began. */
  readonly memoryBytes: number
  /** Requests whose leaf failed; of these, how many kept the span that failed, and how many every span. */
  readonly failed: number
  readonly failedKept: number
  readonly failedWhole: number
}

const batchSpans = 1000
const compression = 3
/** Requests between two looks at the event loop. */
const chunk = 2000
/** Spans of one request: the front's, its call, the leaf's, its step. */
const spansPerRequest = 4

/**
 * Stands still like a virtual clock, and costs what a look at the machine's clock costs. Timers are
 * looked at once a simulated second, so that they do not weigh on every request.
 */
class ReplayClock extends VirtualClock {
  #ticked = super.elapsed()

  override elapsed(): number {
    systemClock.elapsed()
    return super.elapsed()
  }

  override advance(durationMs: number): void {
    const untilMs = super.elapsed() + durationMs
    this.jump(untilMs)
    if (untilMs - this.#ticked < 1000) return
    this.#ticked = untilMs
    super.advance(0)
  }
}

/** How to replay. */
export interface ReplayOptions {
  readonly plan: TrafficPlan
  /** Undefined replays without telemetry: the control. */
  readonly sampling: SamplingOptions | undefined
  readonly signal: AbortSignal
}

/** Sends the traffic of `plan` through a front and a leaf. Rejects with the signal's reason. */
export async function replay({ plan, sampling, signal }: ReplayOptions): Promise<Replay> {
  const clock = new ReplayClock()
  const wire = new Wire()
  const program = (serviceName: string, seed: number): Telemetry =>
    sampling === undefined
      ? noTelemetry
      : createTelemetry({
          serviceName,
          clock,
          chance: new SeededChance(plan.seed + seed),
          sampling,
          sinks: [wire.sink],
        })
  const heldBefore = await heldBytes()
  const begunMs = cpuMs()
  const [front, leaf] = [program('front', 1), program('leaf', 2)]
  const traffic = new Traffic(plan)
  for (let at = 0; at < plan.requests; at++) {
    clock.advance(1000 / plan.rate)
    const planned = traffic.next()
    const traceId = one(front, leaf, planned, clock)
    if (planned.failed) wire.failing(traceId)
    if (at % chunk === chunk - 1) {
      await new Promise((resolve) => setImmediate(resolve))
      signal.throwIfAborted()
    }
  }
  wire.send()
  const cpuNs = ((cpuMs() - begunMs) * 1e6) / plan.requests
  const recall = wire.recall()
  const held = await heldBytes()
  await front.shutdown()
  await leaf.shutdown()
  return {
    strategy: sampling?.strategy ?? 'none',
    cpuNs,
    spansMade: plan.requests * spansPerRequest,
    spansKept: wire.spans,
    wireBytes: wire.bytes,
    memoryBytes: Math.max(0, held - heldBefore),
    ...recall,
  }
}

const noHeaders = { get: () => undefined }

/** One request: a front that calls a leaf, with the context in headers as between processes. */
function one(
  front: Telemetry,
  leaf: Telemetry,
  planned: PlannedRequest,
  clock: VirtualClock,
): string {
  const view = {
    method: planned.method,
    path: planned.path,
    host: 'shop.test',
    httpVersion: '1.1',
    secure: false,
    headers: noHeaders,
  }
  const outer = front.beginServer({ ...view, arrivedMs: clock.elapsed() })
  const call = front.tracer.startSpan('GET', { kind: SpanKind.CLIENT }, outer)
  const carrier = injectHeaders(new SpanScope(outer, call))
  const inner = leaf.beginServer(
    { ...view, arrivedMs: clock.elapsed() },
    carrier['traceparent'],
    carrier['tracestate'],
  )
  const step = leaf.tracer.startSpan('db.get', { attributes: { 'db.system.name': 'x' } }, inner)
  clock.advance(planned.leafMs)
  if (planned.failed) step.setStatus({ code: SpanStatusCode.ERROR, message: 'no answer' })
  step.end()
  inner.end(planned.status, planned.route)
  call.setAttribute('http.response.status_code', planned.status)
  if (planned.status >= 400) call.setStatus({ code: SpanStatusCode.ERROR })
  call.end()
  clock.advance(planned.frontMs)
  outer.end(planned.status, planned.route)
  return carrier['traceparent']?.slice(3, 35) ?? ''
}

/** Takes what is kept, as an exporter would, and remembers what became of requests that failed. */
class Wire {
  spans = 0
  bytes = 0
  readonly #kept = new Map<string, { spans: number; failed: boolean }>()
  readonly #failed = new Set<string>()
  #batch: SpanRecord[] = []

  readonly sink = (spans: readonly SpanRecord[]): void => {
    for (const span of spans) {
      this.#batch.push(span)
      const held = this.#kept.get(span.traceId) ?? { spans: 0, failed: false }
      held.spans++
      held.failed ||= span.name === 'db.get' && span.status.code === SpanStatusCode.ERROR
      this.#kept.set(span.traceId, held)
    }
    if (this.#batch.length >= batchSpans) this.send()
  }

  /** Encodes and compresses what waits. */
  send(): void {
    if (this.#batch.length === 0) return
    this.spans += this.#batch.length
    this.bytes += gzipSync(encodeTraces(this.#batch), { level: compression }).length
    this.#batch = []
  }

  failing(traceId: string): void {
    this.#failed.add(traceId)
  }

  /** What was kept of the requests that failed; forgets all. */
  recall(): Pick<Replay, 'failed' | 'failedKept' | 'failedWhole'> {
    const found = [...this.#failed].flatMap((traceId) => this.#kept.get(traceId) ?? [])
    const counts = {
      failed: this.#failed.size,
      failedKept: found.filter(({ failed }) => failed).length,
      failedWhole: found.filter(({ spans }) => spans === spansPerRequest).length,
    }
    this.#failed.clear()
    this.#kept.clear()
    return counts
  }
}

/** Bytes in use after a collection: heap and typed memory. */
async function heldBytes(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  const { heapUsed, external } = memoryBytes()
  return heapUsed + external
}
