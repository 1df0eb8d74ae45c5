import type { Clock } from '@spate/runtime/clock'
import type { Threshold } from './threshold.ts'

/**
 * Where local traces that were not kept wait for a second opinion: another program of this process,
 * or a peer that is told, may keep the same trace, and then all of it is wanted. One board serves
 * a process. Bounded by age and by count; what is not asked for in time is let go.
 */

/** A local trace that waits. */
export interface Parked {
  /** Sends its spans on, with the threshold the trace is kept by. */
  keep(threshold: Threshold | undefined): void
  drop(): void
}

/** How long a local trace waits, ms. */
export const parkedMsMax = 10_000
/** Local traces that wait at most; beyond it the oldest is let go. */
export const parkedMax = 20_000
/** Trace ids remembered as kept. */
export const keptMax = 10_000
/** Trace ids remembered as nobody's business. */
const hushedMax = 1000

/** Hears of a trace that was kept here, with the threshold it was kept by where that is known. */
export type KeepListener = (traceId: string, threshold: Threshold | undefined) => void

interface Place {
  readonly traceId: string
  readonly untilMs: number
  readonly parked: Parked
  done: boolean
}

/** The board of one process. */
export class TailBoard {
  readonly #clock: Clock
  readonly #queue: Place[] = []
  #head = 0
  readonly #byTrace = new Map<string, Place[]>()
  readonly #kept = new Map<string, Threshold | undefined>()
  readonly #hushed = new Set<string>()
  readonly #listeners = new Set<KeepListener>()

  private constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The board of all programs that share `clock`. */
  static of(clock: Clock): TailBoard {
    let board = boards.get(clock)
    if (!board) {
      board = new TailBoard(clock)
      boards.set(clock, board)
    }
    return board
  }

  /** Local traces that wait now. */
  get waiting(): number {
    return this.#queue.length - this.#head
  }

  /** True where the trace was kept a moment ago. */
  isKept(traceId: string): boolean {
    return this.#kept.has(traceId)
  }

  /** The threshold a trace was kept by. */
  thresholdOf(traceId: string): Threshold | undefined {
    return this.#kept.get(traceId)
  }

  /** Lets `parked` wait. */
  park(traceId: string, parked: Parked): void {
    const place = { traceId, untilMs: this.#clock.elapsed() + parkedMsMax, parked, done: false }
    this.#queue.push(place)
    const others = this.#byTrace.get(traceId)
    if (others) others.push(place)
    else this.#byTrace.set(traceId, [place])
    this.sweep()
  }

  /** Keeps the trace: what waits of it goes out now, what ends later is kept too. */
  keep(traceId: string, threshold: Threshold | undefined, told = false): void {
    if (this.#kept.has(traceId)) return
    this.#kept.set(traceId, threshold)
    forgetOldest(this.#kept, keptMax)
    for (const place of this.#byTrace.get(traceId) ?? []) {
      if (place.done) continue
      place.done = true
      place.parked.keep(threshold)
    }
    this.#byTrace.delete(traceId)
    if (told || this.#hushed.has(traceId)) return
    for (const listener of this.#listeners) listener(traceId, threshold)
  }

  /**
   * Tells nobody that the trace is kept: for calls that tell of kept traces themselves, which
   * would otherwise be told of in turn, without end.
   */
  hush(traceId: string): void {
    this.#hushed.add(traceId)
    forgetOldest(this.#hushed, hushedMax)
  }

  /** Calls `listener` with each trace kept here, to tell the peers. */
  onKeep(listener: KeepListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Lets go of what waited long enough. */
  sweep(): void {
    const nowMs = this.#clock.elapsed()
    while (this.#head < this.#queue.length) {
      const place = this.#queue[this.#head] as Place
      if (place.untilMs > nowMs && this.waiting <= parkedMax) break
      this.#head++
      if (place.done) continue
      place.done = true
      this.#forget(place)
      place.parked.drop()
    }
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
  }

  /** Others of the same trace may have come later: they wait on. */
  #forget(place: Place): void {
    const places = this.#byTrace.get(place.traceId)
    if (places?.length === 1) this.#byTrace.delete(place.traceId)
    else places?.splice(places.indexOf(place), 1)
  }
}

function forgetOldest(
  ids: { readonly size: number; keys(): Iterable<string>; delete(id: string): boolean },
  most: number,
): void {
  if (ids.size <= most) return
  for (const oldest of ids.keys()) {
    ids.delete(oldest)
    return
  }
}

const boards = new WeakMap<Clock, TailBoard>()
