/**
 * A topic in one journal. All partitions share it, so one sync serves them all; each record carries
 * its partition and offset. The newest events are held in memory for live readers; older ones are
 * found through a sparse index and read from the journal.
 */
import type { Journal } from '@spate/journal/journal'
import { Fault } from '@spate/runtime/fault'
import type { Clock } from '@spate/runtime/clock'

import type { OutgoingEvent, PartitionBounds, Position, StoredEvent } from './event-log.ts'
import {
  decodeEvent,
  encodeEvents,
  partitionOf,
  peekPosition,
  placeEvent,
  storedEvent,
} from './event-record.ts'

const indexEvery = 64

/** Limits of a topic. */
export interface TopicLimits {
  readonly partitions: number
  /** Bytes kept; older segments go first. */
  readonly retentionBytes: number
  /** Age kept, in ms. */
  readonly retentionMs: number
  /** Bytes of the newest events held in memory. */
  readonly tailBytesMax: number
  /** Bytes that may wait for the disk. */
  readonly pendingBytesMax: number
}

class Partition {
  first = -1
  /** Next offset to give out, and next to show: those between are not durable yet. */
  next = 0
  visible = 0
  /** Pairs (offset, journal sequence), ascending. */
  readonly index: number[] = []
  readonly tail: StoredEvent[] = []

  note(offset: number, sequence: number): void {
    if (this.first < 0) this.first = offset
    const last = this.index.at(-2)
    if (last === undefined || offset - last >= indexEvery) this.index.push(offset, sequence)
  }

  /** A journal sequence at or before `offset`. O(log index). */
  sequenceBefore(offset: number): number {
    let low = 0
    let high = this.index.length / 2
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.index[middle * 2] as number) <= offset) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : (this.index[low * 2 - 1] as number)
  }
}

/** One topic. */
export class TopicStore {
  readonly name: string
  readonly limits: TopicLimits
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #partitions: Partition[]
  readonly #waiting: { readonly sequence: number; readonly event: StoredEvent }[] = []
  readonly #listeners: Set<() => void> = new Set()
  /** Triples (sequence, time, bytes before it) for retention, ascending. */
  readonly #marks: number[] = []
  #bytes = 0
  #tailBytes = 0
  readonly #tailOrder: number[] = []
  #tailHead = 0

  private constructor(name: string, limits: TopicLimits, journal: Journal, clock: Clock) {
    this.name = name
    this.limits = limits
    this.#journal = journal
    this.#clock = clock
    this.#partitions = Array.from({ length: limits.partitions }, () => new Partition())
  }

  /** Takes over an open journal and reads it once. O(events). */
  static async open(
    name: string,
    limits: TopicLimits,
    journal: Journal,
    clock: Clock,
  ): Promise<TopicStore> {
    const store = new TopicStore(name, limits, journal, clock)
    await journal.replay(journal.firstSequence, (sequence, payload) => {
      const { partition, offset, timeMs } = peekPosition(payload)
      const own = store.#partitions[partition]
      if (!own)
        throw new Fault('data_corrupt', `topic ${name} holds an event of partition ${partition}`)
      own.note(offset, sequence)
      own.next = offset + 1
      own.visible = own.next
      store.#mark(sequence, timeMs, payload.length)
    })
    return store
  }

  /** Takes all events or none, and resolves once they are durable. */
  async publish(events: readonly OutgoingEvent[]): Promise<readonly Position[]> {
    const encoded = encodeEvents(events)
    const bytes = encoded.reduce((sum, one) => sum + one.length + 20, 0)
    if (this.#journal.pendingBytes + bytes > this.limits.pendingBytesMax)
      throw new Fault('overloaded', `topic ${this.name} has too much waiting for the disk`, {
        retryAfterSeconds: 1,
      })
    const timeMs = this.#clock.now()
    const positions = events.map((event, at) => {
      const payload = encoded[at] as Uint8Array
      const partition = partitionOf(event.key, this.#partitions.length)
      const own = this.#partitions[partition] as Partition
      const position = { partition, offset: own.next }
      placeEvent(payload, position, timeMs)
      const sequence = this.#journal.append(payload)
      own.next++
      own.note(position.offset, sequence)
      this.#mark(sequence, timeMs, payload.length)
      this.#waiting.push({ sequence, event: storedEvent(this.name, event, payload) })
      return position
    })
    await this.#journal.durable()
    this.#show()
    return positions
  }

  /** Up to `most` events of a partition from `fromOffset` on; empty where there are none yet. */
  async fetch(partition: number, fromOffset: number, most: number): Promise<StoredEvent[]> {
    const own = this.#partition(partition)
    if (fromOffset >= own.visible) return []
    const tailFirst = own.tail[0]?.offset
    if (tailFirst !== undefined && fromOffset >= tailFirst)
      return own.tail.slice(fromOffset - tailFirst, fromOffset - tailFirst + most)
    const found: StoredEvent[] = []
    const visible = own.visible
    await this.#journal.replay(own.sequenceBefore(fromOffset), (_sequence, payload) => {
      const at = peekPosition(payload)
      if (at.partition !== partition || at.offset < fromOffset) return true
      if (at.offset >= visible) return false
      found.push(decodeEvent(this.name, payload))
      return found.length < most
    })
    return found
  }

  /** Bounds of each partition, counting durable events only. */
  bounds(): PartitionBounds[] {
    return this.#partitions.map((own) => ({ first: Math.max(0, own.first), next: own.visible }))
  }

  /** Calls `listener` when events have become readable, until the returned function is called. */
  onEvents(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Lets go of what is over the limits of age or size; resolves to segments removed. */
  async retain(): Promise<number> {
    const marks = this.#marks
    const oldestMs = this.#clock.now() - this.limits.retentionMs
    let keep = 0
    while (
      keep + 3 < marks.length &&
      ((marks[keep + 4] as number) < oldestMs ||
        this.#bytes - (marks[keep + 5] as number) > this.limits.retentionBytes)
    )
      keep += 3
    if (keep === 0) return 0
    const removed = await this.#journal.retain(marks[keep] as number)
    if (removed > 0) {
      const first = this.#journal.firstSequence
      while (marks.length > 3 && (marks[3] as number) <= first) marks.splice(0, 3)
      for (const own of this.#partitions) forget(own, first)
    }
    return removed
  }

  close(): Promise<void> {
    return this.#journal.close()
  }

  #partition(partition: number): Partition {
    const own = this.#partitions[partition]
    if (!own) throw new Fault('not_found', `topic ${this.name} has no partition ${partition}`)
    return own
  }

  #mark(sequence: number, timeMs: number, bytes: number): void {
    if (this.#marks.length === 0 || sequence - (this.#marks.at(-3) as number) >= indexEvery)
      this.#marks.push(sequence, timeMs, this.#bytes)
    this.#bytes += bytes
  }

  #show(): void {
    const durable = this.#journal.durableSequence
    let shown = 0
    for (const { sequence, event } of this.#waiting) {
      if (sequence > durable) break
      shown++
      const own = this.#partitions[event.partition] as Partition
      own.visible = event.offset + 1
      own.tail.push(event)
      this.#tailOrder.push(event.partition)
      this.#tailBytes += event.value.length + 200
    }
    if (shown === 0) return
    this.#waiting.splice(0, shown)
    this.#trimTail()
    for (const listener of this.#listeners) listener()
  }

  #trimTail(): void {
    // Cut to half at once: shifting an array for each event would cost O(tail) a time.
    if (this.#tailBytes <= this.limits.tailBytesMax) return
    const cuts = this.#partitions.map(() => 0)
    while (this.#tailBytes > this.limits.tailBytesMax / 2) {
      const partition = this.#tailOrder[this.#tailHead++] as number
      const at = cuts[partition] as number
      const event = (this.#partitions[partition] as Partition).tail[at] as StoredEvent
      cuts[partition] = at + 1
      this.#tailBytes -= event.value.length + 200
    }
    for (const [at, count] of cuts.entries()) this.#partitions[at]?.tail.splice(0, count)
    this.#tailOrder.splice(0, this.#tailHead)
    this.#tailHead = 0
  }
}

/** Drops index entries below the journal's first sequence; `first` becomes a lower bound. */
function forget(own: Partition, firstSequence: number): void {
  let gone = 0
  while (gone + 2 < own.index.length && (own.index[gone + 3] as number) <= firstSequence) gone += 2
  if (gone > 0) own.index.splice(0, gone)
  own.first = Math.max(own.first, own.index[0] ?? own.first)
}
