import type { Journal } from '@spate/journal/journal'
import type { FeedRecord, LedgerFeed } from './ledger.ts'

/** Bytes of recent records kept in memory, so that followers that keep up read no file. */
const recentBytesMax = 8 * 1024 * 1024

/** The ledger's journal, for followers. */
export class Feed implements LedgerFeed {
  readonly #journal: Journal
  readonly #recent: FeedRecord[] = []
  #recentBytes = 0
  readonly #tasks: Set<() => void> = new Set()

  constructor(journal: Journal) {
    this.#journal = journal
  }

  get durableRecord(): number {
    return this.#journal.durableSequence
  }

  /** Keeps a copy of a record that was just appended. */
  keep(record: number, payload: Uint8Array): void {
    if (this.#tasks.size === 0) return
    const last = this.#recent.at(-1)
    // Nobody followed for a while: what is kept must be without gaps.
    if (last && last.record + 1 !== record) this.#recent.length = this.#recentBytes = 0
    this.#recent.push({ record, payload: payload.slice() })
    this.#recentBytes += payload.length
    let drop = 0
    while (this.#recentBytes > recentBytesMax && drop < this.#recent.length - 1)
      this.#recentBytes -= this.#recent[drop++]?.payload.length ?? 0
    if (drop > 0) this.#recent.splice(0, drop)
  }

  /** Tells followers that more is durable. */
  wake(): void {
    for (const task of this.#tasks) task()
  }

  onDurable(task: () => void): () => void {
    this.#tasks.add(task)
    return () => this.#tasks.delete(task)
  }

  async read(from: number, bytesMax: number): Promise<readonly FeedRecord[]> {
    const durable = this.durableRecord
    if (from > durable) return []
    const oldest = this.#recent[0]?.record
    const taken: FeedRecord[] = []
    let bytes = 0
    if (oldest !== undefined && from >= oldest) {
      for (let at = from - oldest; at < this.#recent.length && bytes < bytesMax; at++) {
        const record = this.#recent[at]
        if (!record || record.record > durable) break
        taken.push(record)
        bytes += record.payload.length
      }
      return taken
    }
    await this.#journal.replay(from, (record, payload) => {
      taken.push({ record, payload: payload.slice() })
      bytes += payload.length
      return bytes < bytesMax
    })
    return taken
  }
}
