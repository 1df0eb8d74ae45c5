import type { TimeInput } from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import type { AttributeGate, PlainAttributes } from './attributes.ts'
import type { IdSource } from './ids.ts'
import type { LocalTrace, TraceKeeper, WaitingSpan } from './local-trace.ts'
import type { CounterSeries, MetricRegistry } from './metrics.ts'
import { metricNames } from './names.ts'
import { RouteTable, type RouteStats } from './route-stats.ts'
import type { RootFacts, Sampler, Verdict } from './sampler.ts'
import type { SpanRecord, SpanSink } from './span-record.ts'
import { TailBoard } from './tail-board.ts'
import type { Threshold } from './threshold.ts'
import { withThreshold } from './trace-state.ts'
import type { WallTime } from './wall-time.ts'

/** What a recorder works with. */
export interface RecorderParts {
  readonly clock: Clock
  readonly wall: WallTime
  readonly ids: IdSource
  readonly gate: AttributeGate
  readonly sampler: Sampler
  readonly metrics: MetricRegistry
  readonly sinks: readonly SpanSink[]
  readonly service: string
  readonly resource: PlainAttributes
}

/** Decides at the end of each local root and hands kept spans to the sinks. */
export class Recorder implements TraceKeeper {
  readonly clock: Clock
  readonly wall: WallTime
  readonly ids: IdSource
  readonly gate: AttributeGate
  readonly sampler: Sampler
  readonly metrics: MetricRegistry
  readonly service: string
  readonly resource: PlainAttributes
  readonly board: TailBoard
  readonly routes: RouteTable
  /** Roots that are not server requests, by span name. */
  readonly tasks: RouteTable
  /** Requests whose traceparent, or tracestate, was not valid. */
  readonly refusedParents: CounterSeries
  readonly refusedStates: CounterSeries
  readonly #sinks: Set<SpanSink>
  readonly #kept: CounterSeries
  readonly #dropped: CounterSeries
  readonly #failedSinks: CounterSeries

  constructor(parts: RecorderParts) {
    this.clock = parts.clock
    this.wall = parts.wall
    this.ids = parts.ids
    this.gate = parts.gate
    this.sampler = parts.sampler
    this.metrics = parts.metrics
    this.service = parts.service
    this.resource = parts.resource
    this.board = TailBoard.of(parts.clock)
    this.#sinks = new Set(parts.sinks)
    this.routes = new RouteTable(parts.metrics.histogram(metricNames.httpServerDuration))
    this.tasks = new RouteTable(parts.metrics.histogram(metricNames.taskDuration))
    const refused = parts.metrics.counter(metricNames.contextsRefused)
    this.refusedParents = refused.series({ field: 'traceparent' })
    this.refusedStates = refused.series({ field: 'tracestate' })
    const spans = parts.metrics.counter(metricNames.spans)
    this.#kept = spans.series({ outcome: 'kept' })
    this.#dropped = spans.series({ outcome: 'dropped' })
    this.#failedSinks = spans.series({ outcome: 'sink_failed' })
  }

  /** Wall time in ms of what the api calls a time; now where it is absent. */
  timeOf(time: TimeInput | undefined): number {
    if (time === undefined) return this.wall.now()
    if (Array.isArray(time)) return time[0] * 1000 + time[1] / 1e6
    if (time instanceof Date) return time.getTime()
    // A small number is a monotonic reading (`performance.now()`), by the api's convention.
    return time < 1e11 ? this.wall.at(time) : time
  }

  addSink(sink: SpanSink): () => void {
    this.#sinks.add(sink)
    return () => void this.#sinks.delete(sink)
  }

  /** A server request ended whose span nobody asked for and nobody wants. */
  letGo(): void {
    this.sampler.note(1, false)
    this.#dropped.value++
  }

  /** Ends a local root that is not a server request: facts come from the span itself. */
  finishRoot(local: LocalTrace, root: WaitingSpan): void {
    if (local.judged) return
    const seconds = (root.endMs - root.startMs) / 1000
    const stats = this.tasks.of(root.name)
    const slow = seconds > stats.slowSeconds
    stats.record('', local.failed ? 500 : 200, false, seconds, this.clock.elapsed())
    this.conclude(local, this.sampler.judge(factsOf(local, local.failed, slow, stats)))
  }

  /** Keeps or lets go of a local trace whose root has ended. */
  conclude(local: LocalTrace, judged: Verdict | undefined): void {
    const count = local.size
    const whole = this.sampler.strategy === 'tail'
    let verdict = judged
    if (whole && !verdict && this.board.isKept(local.traceId))
      verdict = { rule: 'parent', threshold: this.board.thresholdOf(local.traceId) }
    this.sampler.note(count, verdict !== undefined)
    if (verdict) {
      if (whole) this.board.keep(local.traceId, verdict.threshold)
      return this.#keep(local, verdict.threshold)
    }
    const drop = (): void => this.#dropped.add(local.drop().length)
    if (!whole) return drop()
    this.board.park(local.traceId, { keep: (threshold) => this.#keep(local, threshold), drop })
  }

  #keep(local: LocalTrace, threshold: Threshold | undefined): void {
    const state = withThreshold(local.start.traceState, threshold)?.serialize() ?? ''
    const flags = local.flags | 1
    const records = local.keep(state).map((span) => span.record(state, flags))
    if (local.overflowed > 0) this.#dropped.add(local.overflowed)
    this.#emit(records)
  }

  emitLate(record: SpanRecord): void {
    this.sampler.note(1, true)
    this.#emit([record])
  }

  dropLate(): void {
    this.#dropped.value++
  }

  #emit(records: readonly SpanRecord[]): void {
    this.#kept.add(records.length)
    for (const sink of this.#sinks) {
      try {
        sink(records)
      } catch {
        // A sink that fails must not reach the request whose span it was given.
        this.#failedSinks.value++
      }
    }
  }
}

/** What the sampler needs to know of a local trace. */
export function factsOf(
  local: LocalTrace,
  error: boolean,
  slow: boolean,
  stats: RouteStats,
): RootFacts {
  const { high, low, headSampled, headThreshold } = local.start
  return { error, slow, rare: stats.rare, high, low, headSampled, headThreshold }
}
