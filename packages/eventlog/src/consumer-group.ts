/**
 * One group on one topic. Each partition has one pump, so a partition is handled in order and never
 * twice at once; pumps hand their batches to the member that owns the partition at that moment.
 *
 * A pump is waiting (nothing to read), handling (a batch is with the member), pausing (the handler
 * failed, backing off) or stopped (no members). A slow handler holds back only its own partition:
 * events wait on the disk, not in memory.
 */
import type { Clock } from '@spate/runtime/clock'
import { errorText, Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'

import {
  deadLetterHeaders,
  deadLetterTopic,
  type Offsets,
  type OutgoingEvent,
  type StoredEvent,
  type Subscription,
  type SubscriptionCounters,
  type SubscribeOptions,
} from './event-log.ts'
import type { TopicStore } from './topic-store.ts'

const batchMaxDefault = 256
const attemptsDefault = 5
const backoffMsDefault = 100
const backoffMsMaxDefault = 10_000

/** What a group needs of the log around it. */
export interface GroupPlace {
  readonly clock: Clock
  readonly log: Log
  readonly store: Promise<TopicStore>
  committed(): Offsets
  commit(partition: number, next: number): void
  publish(topic: string, events: readonly OutgoingEvent[]): Promise<unknown>
}

class Member implements Subscription {
  readonly topic: string
  readonly group: string
  readonly options: SubscribeOptions
  readonly #group: ConsumerGroup
  handled = 0
  retries = 0
  deadLetters = 0
  missed = 0

  constructor(options: SubscribeOptions, group: ConsumerGroup) {
    this.topic = options.topic
    this.group = options.group
    this.options = options
    this.#group = group
  }

  get lag(): number {
    return this.#group.lag
  }

  get counters(): SubscriptionCounters {
    const { handled, retries, deadLetters, missed } = this
    return { handled, retries, deadLetters, missed }
  }

  caughtUp(): Promise<void> {
    return this.#group.caughtUp()
  }

  close(): Promise<void> {
    return this.#group.leave(this)
  }
}

interface Pump {
  readonly partition: number
  next: number
  work: Promise<void>
}

interface Waiter {
  readonly ends: readonly number[]
  readonly resolve: () => void
}

/** The members of a group and their pumps. */
export class ConsumerGroup {
  readonly topic: string
  readonly name: string
  readonly #place: GroupPlace
  readonly #members: Member[] = []
  #store: TopicStore | undefined
  #pumps: Pump[] = []
  #wakers: (() => void)[] = []
  #wakes = 0
  #waiters: Waiter[] = []
  #stop = new AbortController()
  #unlisten: () => void = () => {}
  #started: Promise<void> | undefined

  constructor(topic: string, name: string, place: GroupPlace) {
    this.topic = topic
    this.name = name
    this.#place = place
  }

  /** Events that are readable and not handled. */
  get lag(): number {
    const bounds = this.#store?.bounds() ?? []
    return this.#pumps.reduce(
      (sum, pump) => sum + Math.max(0, (bounds[pump.partition]?.next ?? 0) - pump.next),
      0,
    )
  }

  /** Adds a member; the first one's `from` says where a group without offsets begins. */
  join(options: SubscribeOptions): Subscription {
    const member = new Member(options, this)
    this.#members.push(member)
    this.#started ??= this.#start(options)
    this.#started.catch((caught: unknown) =>
      this.#place.log.error('a group could not start', this.#named, caught),
    )
    return member
  }

  /** Takes a member out; the last one stops the pumps. */
  async leave(member: Member): Promise<void> {
    const at = this.#members.indexOf(member)
    if (at >= 0) this.#members.splice(at, 1)
    if (this.#members.length === 0) this.#stop.abort()
    this.#wake()
    await this.#started?.catch(() => {})
    // A member that left must not be called again: wait for the batch it may hold.
    if (this.#members.length === 0) await this.#finish()
  }

  async caughtUp(): Promise<void> {
    await this.#started
    const ends = (this.#store as TopicStore).bounds().map((bounds) => bounds.next)
    await new Promise<void>((resolve) => {
      this.#waiters.push({ ends, resolve })
      this.#settleWaiters()
    })
  }

  get #named(): { readonly topic: string; readonly group: string } {
    return { topic: this.topic, group: this.name }
  }

  async #start(options: SubscribeOptions): Promise<void> {
    const store = await this.#place.store
    this.#store = store
    const { from = 'earliest' } = options
    const given: Offsets = typeof from === 'object' ? from : this.#place.committed()
    const bounds = store.bounds()
    this.#unlisten = store.onEvents(() => this.#wake())
    this.#pumps = bounds.map(({ first, next }, partition) => ({
      partition,
      next: given[partition] ?? (from === 'latest' ? next : first),
      work: Promise.resolve(),
    }))
    for (const pump of this.#pumps) pump.work = this.#run(pump)
  }

  async #finish(): Promise<void> {
    await Promise.all(this.#pumps.map((pump) => pump.work))
    if (this.#members.length > 0) return
    this.#unlisten()
    for (const { resolve } of this.#waiters.splice(0)) resolve()
    this.#pumps = []
    this.#started = undefined
    this.#stop = new AbortController()
  }

  /** Owns its errors: a pump ends only when told to. */
  async #run(pump: Pump): Promise<void> {
    const { signal } = this.#stop
    let pauseMs = backoffMsDefault
    while (!signal.aborted) {
      // Events that arrive while this pump looks wake nobody yet: the count tells it to look again.
      const seen = this.#wakes
      try {
        const moved = await this.#step(pump, signal)
        pauseMs = backoffMsDefault
        if (!moved && !signal.aborted && seen === this.#wakes)
          await new Promise<void>((resolve) => this.#wakers.push(resolve))
      } catch (caught) {
        if (signal.aborted) return
        this.#place.log.error('a partition could not be read', this.#named, caught)
        await this.#pause(pauseMs, signal)
        pauseMs = Math.min(pauseMs * 2, backoffMsMaxDefault)
      }
    }
  }

  async #step(pump: Pump, signal: AbortSignal): Promise<boolean> {
    const store = this.#store as TopicStore
    const member = this.#members[pump.partition % Math.max(1, this.#members.length)]
    if (!member) return false
    const most = member.options.batchMax ?? batchMaxDefault
    const batch = await store.fetch(pump.partition, pump.next, most)
    const first = batch[0]
    if (!first || signal.aborted) return false
    if (first.offset > pump.next) {
      member.missed += first.offset - pump.next
      this.#place.log.error('retention removed events before a group read them', {
        ...this.#named,
        partition: pump.partition,
        events: first.offset - pump.next,
      })
    }
    await this.#handle(pump, member, batch, signal)
    return true
  }

  async #handle(
    pump: Pump,
    member: Member,
    batch: readonly StoredEvent[],
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await member.options.handler(batch)
      this.#advance(pump, member, batch)
    } catch (caught) {
      this.#place.log.warn('a batch failed; its events are tried one by one', {
        ...this.#named,
        partition: pump.partition,
        events: batch.length,
        error: errorText(caught),
      })
      let failed = caught
      for (const event of batch) {
        if (signal.aborted) return
        const tried = batch.length === 1 ? 1 : 0
        const settled = await this.#alone(member, event, { tried, failed }, signal)
        if (!settled) return
        this.#advance(pump, member, [event])
        failed = undefined
      }
    }
  }

  /** Tries one event until it is handled or given away; false where it was told to stop first. */
  async #alone(
    member: Member,
    event: StoredEvent,
    before: { readonly tried: number; readonly failed: unknown },
    signal: AbortSignal,
  ): Promise<boolean> {
    const retry = member.options.retry ?? {}
    const attemptsMax = retry.attempts ?? attemptsDefault
    let pauseMs = retry.backoffMs ?? backoffMsDefault
    let { tried, failed } = before
    for (;;) {
      const waits = failed instanceof Fault && failed.retryable
      if (tried >= attemptsMax && !waits) {
        await this.#place.publish(deadLetterTopic(event.topic, this.name), [
          deadLetter(event, tried, failed),
        ])
        member.deadLetters++
        this.#place.log.error(
          'an event went to the dead letters',
          { ...this.#named, partition: event.partition, offset: event.offset, attempts: tried },
          failed,
        )
        return true
      }
      if (tried > 0) {
        await this.#pause(pauseMs, signal)
        if (signal.aborted) return false
        pauseMs = Math.min(pauseMs * 2, retry.backoffMsMax ?? backoffMsMaxDefault)
        member.retries++
      }
      try {
        tried++
        await member.options.handler([event])
        return true
      } catch (caught) {
        failed = caught
      }
    }
  }

  #advance(pump: Pump, member: Member, batch: readonly StoredEvent[]): void {
    pump.next = (batch.at(-1) as StoredEvent).offset + 1
    member.handled += batch.length
    this.#place.commit(pump.partition, pump.next)
    this.#settleWaiters()
  }

  #settleWaiters(): void {
    const reached = ({ ends }: Waiter): boolean =>
      this.#pumps.every((pump) => pump.next >= (ends[pump.partition] ?? 0))
    for (const waiter of this.#waiters.filter(reached)) waiter.resolve()
    this.#waiters = this.#waiters.filter((waiter) => !reached(waiter))
  }

  #wake(): void {
    this.#wakes++
    for (const wake of this.#wakers.splice(0)) wake()
  }

  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#place.clock.sleep(delayMs, signal)
    } catch {
      // Told to stop while pausing: the caller looks at the signal.
    }
  }
}

function deadLetter(event: StoredEvent, attempts: number, failed: unknown): OutgoingEvent {
  return {
    key: event.key,
    value: event.value,
    headers: {
      ...event.headers,
      [deadLetterHeaders.topic]: event.topic,
      [deadLetterHeaders.partition]: String(event.partition),
      [deadLetterHeaders.offset]: String(event.offset),
      [deadLetterHeaders.attempts]: String(attempts),
      [deadLetterHeaders.error]: errorText(failed).slice(0, 500),
    },
  }
}
