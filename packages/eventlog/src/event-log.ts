/**
 * The event log as a port: topics of ordered partitions, read by groups that remember how far they
 * are. Events with the same key keep their order. Delivery is at least once; a consumer that keeps
 * its offsets with its own state (`progress.ts`) gets effectively once.
 */

/** What a publisher hands in. */
export interface OutgoingEvent {
  /** Events with equal keys go to the same partition, in order. */
  readonly key: string
  readonly value: Uint8Array
  /** Carried along as they are: trace context, content type. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Where an event lies. Offsets of a partition are 0, 1, 2 ... */
export interface Position {
  readonly partition: number
  readonly offset: number
}

/** An event as it was stored. */
export interface StoredEvent extends Position {
  readonly topic: string
  readonly key: string
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  /** When it was published, ms since the Unix epoch. */
  readonly timeMs: number
}

/** Next offset to read, by partition; partitions that are absent begin at their oldest event. */
export type Offsets = Readonly<Record<number, number>>

/** How often and how fast a failing handler is tried again. */
export interface RetryPolicy {
  /** Tries of one event before it goes to the dead-letter topic. Default 5. */
  readonly attempts?: number
  /** First pause, doubled each time. Default 100 ms. */
  readonly backoffMs?: number
  /** Longest pause. Default 10 s. */
  readonly backoffMsMax?: number
}

/** How to consume a topic. */
export interface SubscribeOptions {
  readonly topic: string
  /** Members of one group share the partitions; each group sees every event. */
  readonly group: string
  /**
   * Called with events of one partition, in order, never twice at once for a partition. Where it
   * rejects, the batch comes again, then each event alone; one that keeps failing goes to the
   * dead-letter topic. A retryable `Fault` (a store that is away) is retried for as long as it takes.
   */
  readonly handler: (batch: readonly StoredEvent[]) => Promise<void>
  /**
   * Where a group without committed offsets begins (default `earliest`), or the offsets the consumer
   * keeps itself: they go before the group's.
   */
  readonly from?: 'earliest' | 'latest' | Offsets
  /** Most events in one call. Default 256. */
  readonly batchMax?: number
  readonly retry?: RetryPolicy
}

/** A consumer at work. */
export interface Subscription {
  readonly topic: string
  readonly group: string
  /** Events published and not yet handled. */
  readonly lag: number
  /** Events handled, tried again, given to the dead-letter topic, and gone before they were read. */
  readonly counters: SubscriptionCounters
  /** Resolves once everything published before this call has been handled. */
  caughtUp(): Promise<void>
  /** Finishes the batch at work, commits, and lets go. Idempotent. */
  close(): Promise<void>
}

/** Totals since the subscription began. */
export interface SubscriptionCounters {
  readonly handled: number
  readonly retries: number
  readonly deadLetters: number
  /** Events that retention removed before this consumer got to them. */
  readonly missed: number
}

/** The bounds of a partition: oldest offset that may be read, and the next to be written. */
export interface PartitionBounds {
  readonly first: number
  readonly next: number
}

/** An event log. */
export interface EventLog {
  /**
   * Resolves once all events are durable, to their positions in the order given. Rejects with
   * `overloaded` (none was taken), `disk_full`, `disk_failed`, `invalid_field` for a bad topic name.
   */
  publish(topic: string, events: readonly OutgoingEvent[]): Promise<readonly Position[]>
  subscribe(options: SubscribeOptions): Subscription
  /** Durable events of a partition from `fromOffset` on, up to those durable when it gets there. */
  read(topic: string, partition: number, fromOffset: number): AsyncIterable<StoredEvent>
  /** Bounds of each partition; makes the topic where it is new. */
  bounds(topic: string): Promise<readonly PartitionBounds[]>
  /** Offsets a group has committed; empty where it has none. */
  committed(topic: string, group: string): Promise<Offsets>
  /** Stops all subscriptions and lets go of the store. Idempotent. */
  close(): Promise<void>
}

/** Topic that takes what a group could not handle. */
export function deadLetterTopic(topic: string, group: string): string {
  return `${topic}.dead.${group}`
}

/** Headers a dead letter carries beside those of the event. */
export const deadLetterHeaders = {
  topic: 'spate-dead-topic',
  partition: 'spate-dead-partition',
  offset: 'spate-dead-offset',
  attempts: 'spate-dead-attempts',
  error: 'spate-dead-error',
} as const
