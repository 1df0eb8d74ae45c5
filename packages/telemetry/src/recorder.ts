import type { TimeInput, TraceState } from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import type { AttributeGate, PlainAttributes } from './attributes.ts'
import type { IdSource } from './ids.ts'
import { Departures, type RowSink } from './departures.ts'
import type { LocalTrace, TraceKeeper } from './local-trace.ts'
import type { CounterSeries, MetricRegistry } from './metrics.ts'
import { metricNames } from './names.ts'
import { HostTable } from './host-table.ts'
import { RouteTable } from './route-stats.ts'
import type { RootFacts, Sampler, Verdict } from './sampler.ts'
import { SelfCost } from './self-cost.ts'
import type { SpanSink } from './span-record.ts'
import { SpanRows } from './span-rows.ts'
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
  readonly rowSinks: readonly RowSink[]
  /** Spans held until their local roots are judged. Default `rowsMax`. */
  readonly spansHeld?: number
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
  readonly rows: SpanRows
  readonly cost: SelfCost
  readonly board: TailBoard
  readonly routes: RouteTable
  /** What spans of requests to one host have in common. */
  readonly hosts: HostTable = new HostTable()
  /** Roots that are not server requests, by span name. */
  readonly tasks: RouteTable
  /** Requests whose traceparent, or tracestate, was not valid. */
  readonly refusedParents: CounterSeries
  readonly refusedStates: CounterSeries
  readonly departures: Departures
  readonly #dropped: CounterSeries
  readonly #lost: CounterSeries
  #stateKnown: {
    readonly state: TraceState | undefined
    readonly threshold: Threshold | undefined
    readonly text: string
  } = { state: undefined, threshold: undefined, text: '' }

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
    this.rows = new SpanRows(parts.spansHeld)
    this.cost = new SelfCost(parts.clock)
    this.routes = new RouteTable(parts.metrics.histogram(metricNames.httpServerDuration))
    this.tasks = new RouteTable(parts.metrics.histogram(metricNames.taskDuration))
    const refused = parts.metrics.counter(metricNames.contextsRefused)
    this.refusedParents = refused.series({ field: 'traceparent' })
    this.refusedStates = refused.series({ field: 'tracestate' })
    const spans = parts.metrics.counter(metricNames.spans)
    const kept = spans.series({ outcome: 'kept' })
    const failed = spans.series({ outcome: 'sink_failed' })
    this.#dropped = spans.series({ outcome: 'dropped' })
    this.#lost = spans.series({ outcome: 'no_room' })
    this.departures = new Departures({
      rowSinks: parts.rowSinks,
      sinks: parts.sinks,
      left: (count) => kept.add(count),
      failed: () => failed.add(),
      nextTurn: (task) => void setImmediate(task),
    })
  }

  /** Wall time in ms of what the api calls a time; now where it is absent. */
  timeOf(time: TimeInput | undefined): number {
    if (time === undefined) return this.wall.now()
    if (Array.isArray(time)) return time[0] * 1000 + time[1] / 1e6
    if (time instanceof Date) return time.getTime()
    // A small number is a monotonic reading (`performance.now()`), by the api's convention.
    return time < 1e11 ? this.wall.at(time) : time
  }

  /** A stream of events of `route` ended after `seconds`. */
  streamed(route: string | undefined, seconds: number): void {
    const attributes = route === undefined ? {} : { 'http.route': route }
    this.metrics.histogram(metricNames.streamDuration).series(attributes).record(seconds)
  }

  /** A server request ended whose span nobody asked for and nobody wants. */
  letGo(): void {
    this.sampler.note(1, 0)
    this.#dropped.value++
  }

  /** Ends a local root that is not a server request: facts come from the span itself. */
  finishRoot(local: LocalTrace, name: string, tookMs: number): void {
    const seconds = tookMs / 1000
    const stats = this.tasks.of(name)
    stats.record('', local.failed ? 500 : 200, false, seconds, this.clock.elapsed())
    const facts = factsOf(local, local.failed, stats.slow, stats.rare)
    this.conclude(local, this.sampler.judge(facts))
  }

  /** Keeps or lets go of a local trace whose root has ended. */
  conclude(local: LocalTrace, judged: Verdict | undefined): void {
    if (local.state !== 'open') return
    const whole = this.sampler.strategy === 'tail'
    let verdict = judged
    if (whole && !verdict && this.board.isKept(local.traceId))
      verdict = { rule: 'parent', threshold: this.board.thresholdOf(local.traceId) }
    this.sampler.note(local.size, verdict === undefined ? 0 : local.size)
    if (verdict) {
      if (whole) this.board.keep(local.traceId, verdict.threshold)
      return this.#keep(local, verdict.threshold)
    }
    if (!whole) return this.#dropped.add(local.drop())
    this.board.park(local.traceId, {
      keep: (threshold) => {
        this.sampler.note(0, local.size)
        this.#keep(local, threshold)
      },
      drop: () => this.#dropped.add(local.drop()),
    })
  }

  #keep(local: LocalTrace, threshold: Threshold | undefined): void {
    if (local.state !== 'open') return
    local.keep(this.#stateText(local.start.traceState, threshold))
    this.departures.leave(local)
  }

  /** `state` with `threshold`, as text. Most traces have no other member, and few thresholds occur. */
  #stateText(state: TraceState | undefined, threshold: Threshold | undefined): string {
    const known = this.#stateKnown
    if (state === known.state && threshold === known.threshold) return known.text
    const text = withThreshold(state, threshold)?.serialize() ?? ''
    this.#stateKnown = { state, threshold, text }
    return text
  }

  emitLate(local: LocalTrace, row: number): void {
    this.sampler.note(1, 1)
    this.departures.leaveLate(local, row)
  }

  dropLate(spans: number): void {
    this.#dropped.value += spans
  }

  lost(spans: number): void {
    this.#lost.value += spans
  }
}

/** What the sampler needs to know of a local trace. */
export function factsOf(
  local: LocalTrace,
  error: boolean,
  slow: boolean,
  rare: boolean,
): RootFacts {
  const { high, low, headSampled, headThreshold } = local.start
  const spans = local.size + (local.judged ? 1 : 0)
  return { error, slow, rare, high, low, headSampled, headThreshold, spans }
}
