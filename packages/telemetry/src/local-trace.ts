import type { SpanContext, TimeInput, TraceState } from '@opentelemetry/api'
import type { AttributeGate, PlainAttributes } from './attributes.ts'
import type { IdSource } from './ids.ts'
import { column, placeOf, type RowOwner, type SpanRows } from './span-rows.ts'
import type { Threshold } from './threshold.ts'
import { flagRandom, flagSampled, hexOfWord } from './trace-parent.ts'

/** Spans of one local trace held until its root ends; later ones are dropped and counted. */
export const localSpansMax = 1000

/** What spans and local traces need of the recorder behind them. */
export interface TraceKeeper {
  readonly ids: IdSource
  readonly gate: AttributeGate
  readonly rows: SpanRows
  readonly service: string
  readonly resource: PlainAttributes
  /** Wall time in ms of what the api calls a time; now where it is absent. */
  timeOf(time: TimeInput | undefined): number
  /** The root of `local` ended. */
  finishRoot(local: LocalTrace, name: string, tookMs: number): void
  /** The span in `row` ended after its trace was kept. */
  emitLate(local: LocalTrace, row: number): void
  /** `spans` ended, or would have, in a trace that was let go. */
  dropLate(spans: number): void
  /** `spans` were given up because all rows were taken. */
  lost(spans: number): void
}

/** How a local trace begins. Trace id and randomness as signed 32-bit words. */
export interface LocalTraceStart {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  /** Randomness: 24 high and 32 low bits, unsigned. */
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

/** Takes rows as they leave. */
export interface RowTaker {
  take(local: LocalTrace, row: number): void
}

/** A span id as two signed 32-bit words. */
export interface SpanWords {
  readonly idHigh: number
  readonly idLow: number
}

/** The parent of a span that has none. */
export const noParent: SpanWords = { idHigh: 0, idLow: 0 }

const unrooted = -2

/**
 * The part of a trace that runs below one local root: a server span, or a span that has no parent
 * in this program. Its spans wait in their rows until the root ends and the whole is kept or let go.
 *
 *     open --root ends--> kept: spans go to the sinks, late ones too
 *       |             \-> dropped: spans are let go, late ones too
 *       \--others need the rows--> lost: all of it is let go and counted
 */
export class LocalTrace implements RowOwner, SpanWords {
  readonly recorder: TraceKeeper
  readonly start: LocalTraceStart
  readonly number: number
  older: RowOwner | undefined = undefined
  newer: RowOwner | undefined = undefined
  /** True once a span of it failed. */
  failed = false
  /** Row of the span whose end decides; below zero where there was no room for it. */
  root: number = unrooted
  /** Id of that span. */
  idHigh = 0
  idLow = 0
  /** True where the server exchange, not the span's end, decides. */
  judged: boolean
  /** Spans that ended so far, without those that found no room. */
  ended = 0
  /** Spans for which there was no room, or that came after `localSpansMax`. */
  overflowed = 0
  /** `tracestate` and flags of its spans, once it is kept. */
  keptState = ''
  #first = -1
  #last = -1
  #held = 0
  #state: 'open' | 'kept' | 'dropped' | 'lost' = 'open'
  #traceId: string | undefined = undefined

  constructor(recorder: TraceKeeper, start: LocalTraceStart, judged: boolean) {
    this.recorder = recorder
    this.start = start
    this.number = recorder.rows.nextOwner()
    this.judged = judged
  }

  /** 32 hex characters. */
  get traceId(): string {
    const { a, b, c, d } = this.start
    this.#traceId ??= hexOfWord(a) + hexOfWord(b) + hexOfWord(c) + hexOfWord(d)
    return this.#traceId
  }

  /** Flags of outgoing calls: what the head decided, whatever the end decides. */
  get flags(): number {
    return (this.start.headSampled ? flagSampled : 0) | (this.start.random ? flagRandom : 0)
  }

  /** Flags of its spans once it is kept. */
  get keptFlags(): number {
    return this.flags | flagSampled
  }

  /** Spans that ended so far, and those that found no room. */
  get size(): number {
    return this.ended + this.overflowed
  }

  /** Rows it holds. */
  get held(): number {
    return this.#held
  }

  get state(): 'open' | 'kept' | 'dropped' | 'lost' {
    return this.#state
  }

  contextOf(spanId: string): SpanContext {
    const { traceState } = this.start
    return {
      traceId: this.traceId,
      spanId,
      traceFlags: this.flags,
      ...(traceState === undefined ? {} : { traceState }),
    }
  }

  /**
   * Takes a row for a span that begins below `parent`; -1, and the span is counted as lost, where
   * there is none left for it. The first span is the root.
   */
  begin(id: SpanWords, parent: SpanWords): number {
    const row = this.#take()
    if (this.root === unrooted) {
      this.root = row
      this.idHigh = id.idHigh
      this.idLow = id.idLow
    }
    if (row >= 0) this.recorder.rows.page(row).identify(placeOf(row), id, parent)
    return row
  }

  /** The span in `row` ended. */
  finished(row: number): void {
    if (this.#state === 'kept') return this.recorder.emitLate(this, row)
    if (row === this.root && this.judged) return
    this.ended++
    if (row !== this.root) return
    const { rows } = this.recorder
    const page = rows.page(row)
    const at = placeOf(row)
    const tookMs = page.time(at, column.end) - page.time(at, column.start)
    this.recorder.finishRoot(this, page.ref(at, column.name) as string, tookMs)
  }

  /** Marks it kept, by the rule in `traceState`: pass its rows on with `leave`. */
  keep(traceState: string): void {
    this.#state = 'kept'
    this.keptState = traceState
  }

  /** Lets go of all its rows. Returns the spans that had ended. */
  drop(): number {
    return this.#state === 'open' ? this.#letGo('dropped') : 0
  }

  /** Gives up everything, since others need the rows. */
  abandon(): void {
    const held = this.#held
    this.#letGo('lost')
    this.recorder.lost(held)
  }

  /**
   * Hands up to `most` rows that ended to `taker` and gives them back; rows of spans that still run
   * stay. Returns how many it handed over.
   */
  leave(most: number, taker: RowTaker): number {
    const { rows } = this.recorder
    let before = -1
    let count = 0
    for (let row = this.#first; row >= 0 && count < most;) {
      const next = rows.next(row)
      if (rows.page(row).time(placeOf(row), column.end) < 0) before = row
      else {
        taker.take(this, row)
        this.#unlink(row, before, next)
        count++
      }
      row = next
    }
    return count
  }

  /** Hands over one row that ended and gives it back. O(rows held). */
  leaveOne(row: number, taker: RowTaker): void {
    const { rows } = this.recorder
    let before = -1
    for (let at = this.#first; at !== row && at >= 0; at = rows.next(at)) before = at
    taker.take(this, row)
    this.#unlink(row, before, rows.next(row))
  }

  #take(): number {
    const { recorder } = this
    if (this.#state === 'dropped') {
      recorder.dropLate(1)
      return -1
    }
    const { rows } = recorder
    const room = this.#state !== 'lost' && this.#held < localSpansMax
    const row = room ? rows.take(this) : -1
    if (row < 0) {
      this.overflowed++
      recorder.lost(1)
      return -1
    }
    if (this.#held++ === 0) {
      this.#first = row
      rows.opened(this)
    } else rows.chain(this.#last, row)
    this.#last = row
    return row
  }

  #unlink(row: number, before: number, next: number): void {
    const { rows } = this.recorder
    if (before < 0) this.#first = next
    else rows.chain(before, next)
    if (next < 0) this.#last = before
    rows.release(row)
    if (--this.#held === 0) rows.closed(this)
  }

  #letGo(state: 'dropped' | 'lost'): number {
    const { rows } = this.recorder
    this.#state = state
    for (let row = this.#first; row >= 0;) {
      const next = rows.next(row)
      rows.release(row)
      row = next
    }
    if (this.#held > 0) rows.closed(this)
    this.#first = this.#last = -1
    this.#held = 0
    return this.ended
  }
}
