import type { Context } from '@opentelemetry/api'
import { schemaCheck, type SchemaCheck } from '@spate/http/json'
import { uuidv7 } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { Fault, shown, wireCode } from '@spate/runtime/fault'
import { injectHeaders } from '@spate/telemetry/propagator'
import {
  eventBody,
  itemBody,
  type EventBody,
  type EventsAnswer,
  type ItemBody,
} from './contract.ts'
import type { Item } from './domain/catalogue.ts'
import { EventMemory } from './domain/event-memory.ts'
import { eventKinds, type Attributes, type EventKind } from './domain/history.ts'
import type { Partition } from './domain/partition.ts'
import type { Interaction } from './domain/state.ts'

/** Topics this program writes and reads. */
export const topics = {
  interactions: 'interactions',
  catalogue: 'catalogue',
  orders: 'orders',
  /** Lists as they were served, with their features. */
  served: 'served',
  experiments: 'experiments',
  attributes: 'attributes',
} as const

/** An event for the log. */
export interface LogEntry {
  readonly key: string
  readonly value: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** The part of the event log ingestion needs: resolves once the entries survive a power cut. */
export type Publish = (topic: string, entries: readonly LogEntry[]) => Promise<unknown>

/** What ingestion stands on. */
export interface IngestOptions {
  readonly publish: Publish
  readonly clock: Clock
  /** Ids remembered to answer `duplicates`; the consumer checks again against the state's own. */
  readonly eventIdsMax: number
  readonly knownIds?: Iterable<number>
  /** Users whose events are taken here. */
  readonly partition: Partition
}

/** Clocks of callers may be this far ahead; the time of arrival is then taken. */
const aheadMsMax = 24 * 3_600_000

/** Takes events and items in: checked, durable in the event log, and only then acknowledged. */
export class Ingest {
  readonly #options: IngestOptions
  readonly #recent: EventMemory
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #checkEvent: SchemaCheck<EventBody> = schemaCheck(eventBody)
  readonly #checkItem: SchemaCheck<ItemBody> = schemaCheck(itemBody)

  constructor(options: IngestOptions) {
    this.#options = options
    this.#recent = new EventMemory(options.eventIdsMax, options.knownIds)
  }

  /** Takes one event; throws `Fault('invalid_field')`, where `events` would name it. */
  async event(body: unknown, context: Context): Promise<EventsAnswer> {
    return { ...(await this.record([this.interaction(body)], context)), rejected: [] }
  }

  /** Takes events; each bad one is named and the others are taken. Rejects where the log fails. */
  async events(bodies: readonly unknown[], context: Context): Promise<EventsAnswer> {
    const rejected: EventsAnswer['rejected'][number][] = []
    const events: Interaction[] = []
    bodies.forEach((body, index) => {
      try {
        events.push(this.interaction(body))
      } catch (caught) {
        rejected.push({ index, ...describe(caught) })
      }
    })
    return { ...(await this.record(events, context)), rejected }
  }

  /** Makes checked events durable, each id once. Rejects where the log fails. */
  async record(
    events: readonly Interaction[],
    context: Context,
  ): Promise<{ readonly accepted: number; readonly duplicates: number }> {
    const fresh = events.filter(({ eventId }) => this.#recent.admit(eventId))
    const duplicates = events.length - fresh.length
    // A duplicate is only safe to acknowledge once the event it repeats is durable.
    const others = duplicates > 0 ? [...this.#underWay] : []
    if (fresh.length > 0) others.push(this.#publishFresh(fresh, context))
    await Promise.all(others)
    return { accepted: fresh.length, duplicates }
  }

  /** Checks one item; throws `Fault('invalid_field')`. */
  item(body: unknown, itemId?: string): Item {
    const given = this.#checkItem.check(body)
    const id = itemId ?? given.itemId
    if (id === undefined || (given.itemId !== undefined && given.itemId !== id))
      throw invalid('itemId', given.itemId, itemId === undefined ? 'an id' : `"${shown(itemId)}"`)
    const { publishedAt, title, categories, tags, hidden, price, stock, vector } = given
    return {
      itemId: id,
      title: title ?? id,
      categories: categories ?? [],
      tags: tags ?? [],
      hidden: hidden ?? false,
      addedAtMs: this.#options.clock.now(),
      ...(price === undefined ? {} : { price }),
      ...(stock === undefined ? {} : { stock }),
      ...(vector === undefined ? {} : { vector }),
      ...(publishedAt === undefined ? {} : { publishedAtMs: timeOf(publishedAt, 'publishedAt') }),
    }
  }

  /** Makes what is said of a user durable; the consumer puts it into the state. */
  async attributes(userId: string, attributes: Attributes, context: Context): Promise<void> {
    const value = bytesOf({ userId, attributes })
    const headers = injectHeaders(context)
    await this.#options.publish(topics.attributes, [{ key: userId, value, headers }])
  }

  /** Makes items durable; the consumer puts them into the catalogue. */
  async items(items: readonly Item[], context: Context): Promise<void> {
    const headers = injectHeaders(context)
    await this.#options.publish(
      topics.catalogue,
      items.map((item) => ({ key: item.itemId, value: bytesOf(item), headers })),
    )
  }

  async #publishFresh(events: readonly Interaction[], context: Context): Promise<void> {
    const headers = injectHeaders(context)
    const publishing = this.#options.publish(
      topics.interactions,
      events.map((event) => ({ key: event.userId, value: bytesOf(event), headers })),
    )
    this.#underWay.add(publishing)
    try {
      await publishing
    } catch (caught) {
      for (const { eventId } of events) this.#recent.forget(eventId)
      throw caught
    } finally {
      this.#underWay.delete(publishing)
    }
  }

  /** Checks one event; throws `Fault('invalid_field')`. */
  interaction(body: unknown): Interaction {
    const given = this.#checkEvent.check(body)
    this.#options.partition.require(given.userId)
    const nowMs = this.#options.clock.now()
    const timeMs = given.timestamp === undefined ? nowMs : timeOf(given.timestamp, 'timestamp')
    if (timeMs > nowMs + aheadMsMax)
      throw invalid('timestamp', given.timestamp, 'a time at most a day ahead of ours')
    const kind = eventKinds.includes(given.type as EventKind) ? (given.type as EventKind) : 'other'
    return {
      eventId: given.eventId ?? uuidv7(nowMs),
      userId: given.userId,
      itemId: given.itemId,
      kind,
      weight: given.weight ?? 1,
      timeMs: Math.min(timeMs, nowMs),
      ...(given.requestId === undefined ? {} : { requestId: given.requestId }),
    }
  }
}

/** Numbers below this are seconds since the epoch, as many exports have them: 1e11 ms is 1973. */
const secondsBelow = 1e11

function timeOf(given: number | string, field: string): number {
  const timeMs =
    typeof given === 'string' ? Date.parse(given) : given < secondsBelow ? given * 1000 : given
  if (!Number.isFinite(timeMs) || timeMs < 0 || timeMs > 8.64e15)
    throw invalid(field, given, 'ms since 1970, or ISO 8601 like 2026-11-23T09:00:00Z')
  return Math.floor(timeMs)
}

function invalid(field: string, value: unknown, expected: string): Fault {
  return new Fault('invalid_field', `${field}: expected ${expected}`, {
    fields: [{ field, expected, ...(value === undefined ? {} : { value: shown(value) }) }],
  })
}

/** Code and sentence of a refusal, the first field named. */
export function describe(caught: unknown): { readonly code: string; readonly message: string } {
  const fault = Fault.from(caught)
  const first = fault.fields[0]
  const code = wireCode(fault.code)
  if (!first) return { code, message: fault.message }
  const got = first.value === undefined ? '' : `, got ${first.value}`
  return { code, message: `${first.field}: expected ${first.expected}${got}` }
}

function bytesOf(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}
