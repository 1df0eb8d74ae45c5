/** The embedded event log: each topic is a journal on this machine. One process owns the folder. */
import type { Disk } from '@spate/journal/disk'
import { openJournal } from '@spate/journal/journal'
import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault, shown } from '@spate/runtime/fault'
import { silentLog, type Log } from '@spate/runtime/log'

import { ConsumerGroup } from './consumer-group.ts'
import type {
  EventLog,
  Offsets,
  OutgoingEvent,
  PartitionBounds,
  Position,
  StoredEvent,
  SubscribeOptions,
  Subscription,
} from './event-log.ts'
import { OffsetStore } from './offset-store.ts'
import { TopicStore, type TopicLimits } from './topic-store.ts'

/** How to open an embedded log. */
export interface EmbeddedLogOptions {
  /** Folder of its own; made where it does not exist. */
  readonly folder: string
  readonly clock: Clock
  readonly log?: Log
  readonly disk?: Disk
  /** Limits of topics; a topic that exists keeps its partitions. */
  readonly limits?: Partial<TopicLimits>
  /** Most topics. Default 64. */
  readonly topicsMax?: number
  /** How often offsets are committed and retention is looked at. Defaults 100 ms and 60 s. */
  readonly commitMs?: number
  readonly retainMs?: number
  readonly onDamage?: 'refuse' | 'repair'
  /** End of a turn, for simulations: see the journal. */
  readonly turn?: (task: () => void) => void
  readonly crash?: (name: string) => void
}

/** Limits a topic has unless it is told others: 8 partitions, 1 GiB, 7 days. */
export const topicLimitsDefault: TopicLimits = {
  partitions: 8,
  retentionBytes: 1024 ** 3,
  retentionMs: 7 * 86_400_000,
  tailBytesMax: 8 * 1024 ** 2,
  pendingBytesMax: 64 * 1024 ** 2,
}

/** Opens the log; rejects with `data_locked` or `data_corrupt` as the journal does. */
export async function openEmbeddedEventLog(options: EmbeddedLogOptions): Promise<EventLog> {
  const { clock, log = silentLog, commitMs = 100 } = options
  const journal = await openJournal({ ...options, folder: `${options.folder}/offsets`, log })
  const offsets = await OffsetStore.open(journal, { clock, log, intervalMs: commitMs })
  return new EmbeddedLog(options, offsets, log)
}

class EmbeddedLog implements EventLog {
  readonly #options: EmbeddedLogOptions
  readonly #offsets: OffsetStore
  readonly #log: Log
  readonly #limits: TopicLimits
  readonly #topics: Map<string, Promise<TopicStore>> = new Map()
  readonly #groups: Map<string, ConsumerGroup> = new Map()
  readonly #subscriptions: Set<Subscription> = new Set()
  readonly #retainer: Timer
  #closing: Promise<void> | undefined

  constructor(options: EmbeddedLogOptions, offsets: OffsetStore, log: Log) {
    this.#options = options
    this.#offsets = offsets
    this.#log = log
    this.#limits = { ...topicLimitsDefault, ...options.limits }
    this.#retainer = options.clock.every(options.retainMs ?? 60_000, () => void this.#retain())
  }

  async publish(topic: string, events: readonly OutgoingEvent[]): Promise<readonly Position[]> {
    const store = await this.#topic(topic)
    return store.publish(events)
  }

  subscribe(options: SubscribeOptions): Subscription {
    const { topic, group } = options
    const key = `${topic}/${group}`
    let members = this.#groups.get(key)
    if (!members) {
      members = new ConsumerGroup(topic, group, {
        clock: this.#options.clock,
        log: this.#log,
        store: this.#topic(topic),
        committed: () => this.#offsets.committed(topic, group),
        commit: (partition, next) => this.#offsets.commit(topic, group, partition, next),
        publish: (target, events) => this.publish(target, events),
      })
      this.#groups.set(key, members)
    }
    const subscription = members.join(options)
    this.#subscriptions.add(subscription)
    return subscription
  }

  async *read(topic: string, partition: number, fromOffset: number): AsyncIterable<StoredEvent> {
    const store = await this.#topic(topic)
    let next = fromOffset
    for (;;) {
      const page = await store.fetch(partition, next, 256)
      const last = page.at(-1)
      if (!last) return
      yield* page
      next = last.offset + 1
    }
  }

  async bounds(topic: string): Promise<readonly PartitionBounds[]> {
    return (await this.#topic(topic)).bounds()
  }

  async committed(topic: string, group: string): Promise<Offsets> {
    return this.#offsets.committed(topic, group)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #topic(name: string): Promise<TopicStore> {
    const known = this.#topics.get(name)
    if (known) return known
    const opened = this.#openTopic(name)
    this.#topics.set(name, opened)
    // One that failed to open is tried again by the next caller.
    opened.catch(() => this.#topics.delete(name))
    return opened
  }

  async #openTopic(name: string): Promise<TopicStore> {
    const { topicsMax = 64, folder, clock } = this.#options
    if (this.#closing) throw new Fault('shutting_down', 'the event log is closing')
    if (!/^[a-z0-9][a-z0-9._-]{0,99}$/.test(name))
      throw new Fault('invalid_field', 'not a topic name', {
        fields: [{ field: 'topic', value: shown(name), expected: '1 to 100 of a-z 0-9 . _ -' }],
      })
    if (this.#topics.size >= topicsMax)
      throw new Fault('conflict', `there are ${topicsMax} topics already`)
    const partitions = await this.#offsets.partitions(name, this.#limits.partitions)
    const journal = await openJournal({
      ...this.#options,
      folder: `${folder}/topics/${name}`,
      log: this.#log,
      pendingBytesMax: this.#limits.pendingBytesMax,
      segmentBytesMax: Math.min(64 * 1024 ** 2, Math.ceil(this.#limits.retentionBytes / 8)),
    })
    try {
      return await TopicStore.open(name, { ...this.#limits, partitions }, journal, clock)
    } catch (caught) {
      await journal.close()
      throw caught
    }
  }

  async #retain(): Promise<void> {
    for (const [name, opened] of this.#topics)
      try {
        const removed = await (await opened).retain()
        if (removed > 0) this.#log.info('old events were let go', { topic: name, removed })
      } catch (caught) {
        this.#log.error('retention failed', { topic: name }, caught)
      }
  }

  async #close(): Promise<void> {
    this.#retainer.cancel()
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()))
    await this.#offsets.close()
    for (const opened of this.#topics.values()) {
      const store = await opened.catch(() => undefined)
      await store?.close()
    }
  }
}
