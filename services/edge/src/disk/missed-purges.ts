import { emptyOrder, type PurgeOrder } from '../store/response-index.ts'
import type { IndexRecord } from './disk-index.ts'

/** Purges remembered; at more, everything is to be purged. */
export const missedMax = 1000

/** A purge and when it was. */
export interface MissedPurge {
  readonly order: PurgeOrder
  readonly atMs: number
}

/** What was purged while another process had the folder of the disk tier, for whoever takes it back. */
export class MissedPurges {
  #all: MissedPurge[] = []

  /** Oldest first. */
  get all(): readonly MissedPurge[] {
    return this.#all
  }

  note(record: IndexRecord): void {
    if (record.kind !== 'purge') return
    if (this.#all.length < missedMax) this.#all.push(record)
    else this.#all = [{ order: { ...emptyOrder, all: true }, atMs: record.atMs }]
  }
}
