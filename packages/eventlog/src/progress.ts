import type { Offsets, StoredEvent } from './event-log.ts'

/**
 * How far a consumer has come, kept with the consumer's own state: save `offsets` in the same
 * transaction or record as the effects, hand them back as `from`, and every event takes effect once,
 * however often it is delivered.
 */
export class Progress {
  readonly #next: Map<number, number>

  constructor(offsets: Offsets = {}) {
    this.#next = new Map(Object.entries(offsets).map(([key, value]) => [Number(key), value]))
  }

  /** Events of a batch that have not taken effect yet. Call `advance` once they have. */
  fresh(batch: readonly StoredEvent[]): readonly StoredEvent[] {
    return batch.filter((event) => event.offset >= (this.#next.get(event.partition) ?? 0))
  }

  /** Notes that everything up to the end of a batch has taken effect. */
  advance(batch: readonly StoredEvent[]): void {
    for (const { partition, offset } of batch)
      if (offset >= (this.#next.get(partition) ?? 0)) this.#next.set(partition, offset + 1)
  }

  /** Next offset by partition, to be saved and handed back as `from`. */
  get offsets(): Offsets {
    return Object.fromEntries(this.#next)
  }
}
