import type { Arm } from '../rerank/exploration.ts'
import { LongPart } from '../saved-pieces.ts'

/** Items counted at most; the one met longest ago makes room. */
export const armsMax = 100_000

/** Saved form. */
export interface ArmBookState {
  readonly arms: Iterable<SavedArm>
  readonly shown: number
  readonly chosen: number
}

type SavedArm = readonly [itemId: string, shown: number, chosen: number]

/** How often items were shown and chosen: what exploration believes in. */
export class ArmBook {
  readonly #arms = new Map<string, { shown: number; chosen: number }>()
  #shown: number
  #chosen: number
  #evicted = 0

  constructor(saved?: ArmBookState) {
    this.#shown = saved?.shown ?? 0
    this.#chosen = saved?.chosen ?? 0
    for (const [itemId, shown, chosen] of saved?.arms ?? [])
      this.#arms.set(itemId, { shown, chosen })
  }

  /** Items counted now. */
  get size(): number {
    return this.#arms.size
  }

  /** Items that had to make room. */
  get evicted(): number {
    return this.#evicted
  }

  /** What is known of an item. */
  of(itemId: string): Arm {
    return this.#arms.get(itemId) ?? unknown
  }

  /** Share of showings that were followed up, over all items. */
  get rate(): number {
    return (this.#chosen + 1) / (this.#shown + 20)
  }

  /** Counts a showing. */
  shown(itemId: string): void {
    this.#shown++
    this.#at(itemId).shown++
  }

  /** Counts that a shown item was chosen. */
  chosen(itemId: string): void {
    this.#chosen++
    this.#at(itemId).chosen++
  }

  /** Saved form, made as it is read. */
  view(): ArmBookState {
    return {
      arms: new LongPart(() => savedArms(this.#arms)),
      shown: this.#shown,
      chosen: this.#chosen,
    }
  }

  #at(itemId: string): { shown: number; chosen: number } {
    const known = this.#arms.get(itemId) ?? { shown: 0, chosen: 0 }
    this.#arms.delete(itemId)
    this.#arms.set(itemId, known)
    if (this.#arms.size > armsMax) {
      const oldest = this.#arms.keys().next()
      if (!oldest.done && this.#arms.delete(oldest.value)) this.#evicted++
    }
    return known
  }
}

function* savedArms(arms: ReadonlyMap<string, Arm>): Generator<SavedArm> {
  for (const [itemId, { shown, chosen }] of arms) yield [itemId, shown, chosen]
}

const unknown: Arm = { shown: 0, chosen: 0 }
