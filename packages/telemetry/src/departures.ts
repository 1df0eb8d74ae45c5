import type { LocalTrace, RowTaker } from './local-trace.ts'
import { recordOf } from './row-record.ts'
import type { SpanRecord, SpanSink } from './span-record.ts'

/**
 * Takes the spans of kept traces as rows, straight from the columns: the exporter's way. It must
 * not hold on to the row, wait, or throw.
 */
export type RowSink = (local: LocalTrace, row: number) => void

/** Spans handed on in one go; a trace with more leaves in slices, one a turn of the event loop. */
export const sliceSpansMax = 64

/** What a departure board works with. */
export interface DepartureParts {
  readonly rowSinks: readonly RowSink[]
  readonly sinks: readonly SpanSink[]
  /** Counts spans that left. */
  readonly left: (spans: number) => void
  /** Counts sinks that threw. */
  readonly failed: () => void
  /** Runs `task` in the next turn of the event loop. */
  readonly nextTurn: (task: () => void) => void
}

/** Hands kept traces to whoever takes spans, never more than `sliceSpansMax` spans a turn for one. */
export class Departures implements RowTaker {
  readonly #parts: DepartureParts
  readonly #sinks: Set<SpanSink>
  readonly #waiting: LocalTrace[] = []
  #head = 0
  #scheduled = false
  /** Records of the slice that is leaving; undefined where nobody takes records. */
  #records: SpanRecord[] | undefined = undefined

  constructor(parts: DepartureParts) {
    this.#parts = parts
    this.#sinks = new Set(parts.sinks)
  }

  addSink(sink: SpanSink): () => void {
    this.#sinks.add(sink)
    return () => void this.#sinks.delete(sink)
  }

  /** Traces of which a part has not left yet. */
  get waiting(): number {
    return this.#waiting.length - this.#head
  }

  /** Hands on what ended of `local`: at once where it is little, else behind what waits. */
  leave(local: LocalTrace): void {
    if (local.held <= sliceSpansMax) {
      this.#slice(local)
      return
    }
    this.#waiting.push(local)
    this.#schedule()
  }

  /** Hands on one span that ended after its trace was kept. */
  leaveLate(local: LocalTrace, row: number): void {
    this.#records = this.#sinks.size > 0 ? [] : undefined
    local.leaveOne(row, this)
    this.#left(1)
  }

  /** Takes one row; part of `leave`. */
  take(local: LocalTrace, row: number): void {
    this.#records?.push(recordOf(local, row))
    for (const sink of this.#parts.rowSinks) sink(local, row)
  }

  /** Hands on everything that waits, now: the program stops. */
  drain(): void {
    while (this.waiting > 0) this.#turn()
  }

  #slice(local: LocalTrace): number {
    this.#records = this.#sinks.size > 0 ? [] : undefined
    const count = local.leave(sliceSpansMax, this)
    if (count > 0) this.#left(count)
    return count
  }

  #left(count: number): void {
    const records = this.#records
    this.#records = undefined
    this.#parts.left(count)
    if (!records) return
    for (const sink of this.#sinks) {
      try {
        sink(records)
      } catch {
        // A sink that fails must not reach the request whose span it was given.
        this.#parts.failed()
      }
    }
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#parts.nextTurn(() => {
      this.#scheduled = false
      this.#turn()
      if (this.waiting > 0) this.#schedule()
    })
  }

  #turn(): void {
    const local = this.#waiting[this.#head]
    if (!local) return
    if (this.#slice(local) === sliceSpansMax) return
    this.#head++
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0
      this.#head = 0
    }
  }
}
