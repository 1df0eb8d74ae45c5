/**
 * What the log remembers beside events: the partition count of each topic, and how far each group
 * is. Commits are gathered and written together; one that a crash loses means that events come again.
 */
import type { Journal } from '@spate/journal/journal'
import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'

import type { Offsets } from './event-log.ts'

interface Saved {
  readonly topics: Record<string, number>
  /** Next offset by `topic/group`, then by partition. */
  readonly groups: Record<string, Record<number, number>>
}

const snapshotEvery = 1000
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Groups' offsets and topics' partition counts, durable. */
export class OffsetStore {
  readonly #journal: Journal
  readonly #log: Log
  readonly #timer: Timer
  readonly #saved: Saved = { topics: {}, groups: {} }
  #changed: Map<string, Record<number, number>> = new Map()
  #sinceSnapshot = 0
  #work: Promise<void> = Promise.resolve()

  private constructor(journal: Journal, clock: Clock, log: Log, intervalMs: number) {
    this.#journal = journal
    this.#log = log
    this.#timer = clock.every(intervalMs, () => void this.flush())
  }

  /** Takes over an open journal and reads it. */
  static async open(
    journal: Journal,
    options: { readonly clock: Clock; readonly log: Log; readonly intervalMs: number },
  ): Promise<OffsetStore> {
    const store = new OffsetStore(journal, options.clock, options.log, options.intervalMs)
    const snapshot = await journal.latestSnapshot()
    if (snapshot) store.#apply(snapshot.bytes)
    await journal.replay((snapshot?.sequence ?? 0) + 1, (_sequence, payload) =>
      store.#apply(payload),
    )
    return store
  }

  /** Partition count of a topic; `wanted` becomes it, durably, where the topic is new. */
  async partitions(topic: string, wanted: number): Promise<number> {
    const known = this.#saved.topics[topic]
    if (known !== undefined) {
      if (known !== wanted)
        this.#log.warn('a topic keeps the partitions it was made with', { topic, known, wanted })
      return known
    }
    this.#saved.topics[topic] = wanted
    this.#append({ topics: { [topic]: wanted }, groups: {} })
    await this.#journal.durable()
    return wanted
  }

  /** Next offset by partition; empty where the group never committed. */
  committed(topic: string, group: string): Offsets {
    return { ...this.#saved.groups[`${topic}/${group}`] }
  }

  /** Notes how far a group is; durable after the next `flush`. */
  commit(topic: string, group: string, partition: number, next: number): void {
    const key = `${topic}/${group}`
    const saved = (this.#saved.groups[key] ??= {})
    saved[partition] = next
    const changed = this.#changed.get(key) ?? {}
    changed[partition] = next
    this.#changed.set(key, changed)
  }

  /** Makes all commits durable; a failure is logged, since losing a commit only repeats events. */
  flush(): Promise<void> {
    this.#work = this.#work.then(() => this.#flush())
    return this.#work
  }

  async close(): Promise<void> {
    this.#timer.cancel()
    await this.flush()
    await this.#journal.close()
  }

  async #flush(): Promise<void> {
    if (this.#changed.size === 0) return
    const groups = Object.fromEntries(this.#changed)
    this.#changed = new Map()
    try {
      this.#append({ topics: {}, groups })
      await this.#journal.durable()
      if (++this.#sinceSnapshot >= snapshotEvery) await this.#snapshot()
    } catch (caught) {
      this.#log.error('offsets could not be committed', {}, Fault.from(caught))
    }
  }

  async #snapshot(): Promise<void> {
    this.#sinceSnapshot = 0
    const sequence = this.#journal.durableSequence
    await this.#journal.writeSnapshot(sequence, encoder.encode(JSON.stringify(this.#saved)))
    await this.#journal.retain(sequence - snapshotEvery * 2)
  }

  #append(change: Saved): void {
    this.#journal.append(encoder.encode(JSON.stringify(change)))
  }

  #apply(bytes: Uint8Array): void {
    const change = JSON.parse(decoder.decode(bytes)) as Saved
    Object.assign(this.#saved.topics, change.topics)
    for (const [key, offsets] of Object.entries(change.groups))
      Object.assign((this.#saved.groups[key] ??= {}), offsets)
  }
}
