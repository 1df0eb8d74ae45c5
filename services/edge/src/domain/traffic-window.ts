import { TrafficSlot } from './traffic-slot.ts'

/** Length of a fine slot, ms; `TrafficWindow.roll` is called so often. */
export const fineMs = 5000
/** Fine slots of a coarse one. */
const finePerCoarse = 60
/** Fine slots held: a minute. */
const fineHeld = 60_000 / fineMs
/** Coarse slots held: an hour. */
const coarseHeld = 12
/** Longest span that can be asked for, s. */
export const windowSecondsMax = 3600

interface Span {
  readonly slot: TrafficSlot
  fromMs: number
  toMs: number
}

/** What was seen, and over how long. */
export interface WindowView {
  readonly slot: TrafficSlot
  /** Seconds from the beginning of the oldest slot taken until now. */
  readonly seconds: number
}

/**
 * The last minute in slots of 5 s and the last hour in slots of 5 min. Memory is bounded: 26 slots
 * of at most a quarter of a MiB, most of it only where there are as many keys.
 */
export class TrafficWindow {
  /** Where requests of now are counted. */
  current: TrafficSlot = new TrafficSlot()
  #currentFromMs: number
  readonly #fine: Span[] = []
  readonly #coarse: Span[] = []
  #open: Span | undefined
  #fineInOpen = 0

  /** `nowMs`: monotonic, as in every call. */
  constructor(nowMs: number) {
    this.#currentFromMs = nowMs
  }

  /** Closes the slot of now; the oldest go. */
  roll(nowMs: number): void {
    const closed = { slot: this.current, fromMs: this.#currentFromMs, toMs: nowMs }
    this.#fine.push(closed)
    const free = this.#fine.length > fineHeld ? this.#fine.shift()?.slot : undefined
    free?.clear()
    this.current = free ?? new TrafficSlot()
    this.#currentFromMs = nowMs
    this.#open ??= { slot: new TrafficSlot(), fromMs: closed.fromMs, toMs: nowMs }
    if (closed.slot.requests > 0) this.#open.slot.merge([closed.slot])
    this.#open.toMs = nowMs
    if (++this.#fineInOpen < finePerCoarse) return
    this.#coarse.push(this.#open)
    if (this.#coarse.length > coarseHeld) this.#coarse.shift()
    this.#open = undefined
    this.#fineInOpen = 0
  }

  /** What the last `seconds` saw, rounded up to whole slots. O(what the slots hold). */
  over(seconds: number, nowMs: number): WindowView {
    const sinceMs = nowMs - seconds * 1000
    const coarse = this.#open ? [...this.#coarse, this.#open] : this.#coarse
    const spans = (seconds * 1000 <= fineHeld * fineMs ? this.#fine : coarse).filter(
      ({ toMs }) => toMs > sinceMs,
    )
    const slot = new TrafficSlot()
    slot.merge([...spans.map((span) => span.slot), this.current])
    const fromMs = spans[0]?.fromMs ?? this.#currentFromMs
    return { slot, seconds: Math.max(0.001, (nowMs - fromMs) / 1000) }
  }
}
