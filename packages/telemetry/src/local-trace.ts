import type { SpanContext, TimeInput, TraceState } from '@opentelemetry/api'
import type { AttributeGate, PlainAttributes } from './attributes.ts'
import type { IdSource } from './ids.ts'
import type { SpanRecord } from './span-record.ts'
import type { Threshold } from './threshold.ts'
import { flagRandom, flagSampled } from './trace-parent.ts'

/** Spans of one local trace held until its root ends; later ones are dropped and counted. */
export const localSpansMax = 1000

/** A span that ended and waits for the verdict. */
export interface WaitingSpan {
  readonly id: string
  readonly name: string
  /** Wall time, ms. */
  readonly startMs: number
  readonly endMs: number
  /** The span as sinks take it. */
  record(traceState: string, flags: number): SpanRecord
}

/** What spans and local traces need of the recorder behind them. */
export interface TraceKeeper {
  readonly ids: IdSource
  readonly gate: AttributeGate
  readonly service: string
  readonly resource: PlainAttributes
  /** Wall time in ms of what the api calls a time; now where it is absent. */
  timeOf(time: TimeInput | undefined): number
  /** The root of `local` ended. */
  finishRoot(local: LocalTrace, root: WaitingSpan): void
  /** A span ended after its trace was kept. */
  emitLate(record: SpanRecord): void
  /** A span ended after its trace was let go. */
  dropLate(): void
}

/** How a local trace begins. */
export interface LocalTraceStart {
  readonly traceId: string
  /** Randomness: 24 high and 32 low bits. */
  readonly high: number
  readonly low: number
  readonly headSampled: boolean
  /** What the head decided by; undefined where it is not known. */
  readonly headThreshold: Threshold | undefined
  /** Flag `random` as it came, or set by us for a new trace. */
  readonly random: boolean
  /** `tracestate` for outgoing calls. */
  readonly traceState: TraceState | undefined
}

/**
 * The part of a trace that runs below one local root: a server span, or a span that has no parent
 * in this program. Its spans wait here until the root ends and the whole is kept or let go.
 *
 *     open --root ends--> kept: spans go to the sinks, late ones too
 *                     \-> dropped: spans are let go, late ones too
 */
export class LocalTrace {
  readonly recorder: TraceKeeper
  readonly start: LocalTraceStart
  /** True once a span of it failed. */
  failed = false
  #root: WaitingSpan | undefined
  #waiting: WaitingSpan[] = []
  #overflowed = 0
  #state: 'open' | 'kept' | 'dropped' = 'open'
  #keptState = ''
  /** True where the server exchange, not the span's end, decides. */
  judged = false

  constructor(recorder: TraceKeeper, start: LocalTraceStart) {
    this.recorder = recorder
    this.start = start
  }

  get traceId(): string {
    return this.start.traceId
  }

  /** Flags of outgoing calls: what the head decided, whatever the end decides. */
  get flags(): number {
    return (this.start.headSampled ? flagSampled : 0) | (this.start.random ? flagRandom : 0)
  }

  /** Spans that ended so far. */
  get size(): number {
    return this.#waiting.length + this.#overflowed
  }

  contextOf(spanId: string): SpanContext {
    const { traceState } = this.start
    return {
      traceId: this.start.traceId,
      spanId,
      traceFlags: this.flags,
      ...(traceState === undefined ? {} : { traceState }),
    }
  }

  /** Names the span whose end decides. */
  rootedAt(span: WaitingSpan): void {
    this.#root = span
  }

  /** Takes a span that ended. */
  finished(span: WaitingSpan): void {
    if (this.#state === 'kept')
      return this.recorder.emitLate(span.record(this.#keptState, this.flags | flagSampled))
    if (this.#state === 'dropped') return this.recorder.dropLate()
    if (span !== this.#root && this.#waiting.length >= localSpansMax) this.#overflowed++
    else this.#waiting.push(span)
    if (span === this.#root) this.recorder.finishRoot(this, span)
  }

  /** Hands over all that waited: the trace is kept, by a rule whose threshold is in `traceState`. */
  keep(traceState: string): readonly WaitingSpan[] {
    this.#state = 'kept'
    this.#keptState = traceState
    return this.#release()
  }

  /** Lets go of all that waited. */
  drop(): readonly WaitingSpan[] {
    this.#state = 'dropped'
    return this.#release()
  }

  /** Spans that came after `localSpansMax`. */
  get overflowed(): number {
    return this.#overflowed
  }

  #release(): readonly WaitingSpan[] {
    const spans = this.#waiting
    this.#waiting = []
    return spans
  }
}
