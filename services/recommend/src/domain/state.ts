import { Catalogue, type Item } from './catalogue.ts'
import {
  Covisitation,
  covisitationDefaults,
  type CovisitationState,
} from './recall/covisitation.ts'
import { EventMemory } from './event-memory.ts'
import { ContentIndex } from './recall/content.ts'
import { Latest } from './recall/latest.ts'
import { ItemFacts } from './features/item-facts.ts'
import { ItemCounters, type ItemCountersState } from './features/item-counters.ts'
import {
  eventKinds,
  Histories,
  kindWeights,
  type Attributes,
  type EventKind,
  type History,
} from './history.ts'
import type { Interactions } from './recall/interactions.ts'
import type { Knowledge, Models } from './recall/knowledge.ts'
import { Popularity, type PopularityState } from './recall/popularity.ts'
import { joined, lastOf, LongPart, pieceSizeMax, piecesOf } from './saved-pieces.ts'

/** One thing a user did, as it lies in the event log. */
export interface Interaction {
  readonly eventId: string
  readonly userId: string
  readonly itemId: string
  readonly kind: EventKind
  /** Multiplies the kind's own weight; >= 0. */
  readonly weight: number
  readonly timeMs: number
  /** The answer that showed the item; absent where the user came another way. */
  readonly requestId?: string
}

/** A step of an order, as the flash sale publishes it. */
export interface OrderStep {
  readonly type: string
  readonly orderId: string
  readonly userId: string
  readonly productId: string
  readonly quantity: number
  readonly atMs: number
}

/** Bounds of the state. Each is a setting of the program. */
export interface StateLimits {
  readonly itemsMax: number
  readonly usersMax: number
  readonly eventsPerUserMax: number
  readonly eventIdsMax: number
}

/** Shipped bounds. */
export const stateLimits: StateLimits = {
  itemsMax: 1_000_000,
  usersMax: 1_000_000,
  eventsPerUserMax: 1000,
  eventIdsMax: 500_000,
}

/** The state as plain data, for a snapshot. */
export interface SavedState {
  readonly version: number
  readonly events: number
  readonly items: Iterable<Item>
  readonly users: Iterable<SavedUser>
  readonly popularity: PopularityState
  readonly covisitation: CovisitationState
  readonly counters: ItemCountersState
  readonly eventIds: Iterable<number>
}

/** One user's history as it is saved. */
export type SavedUser = readonly [
  userId: string,
  items: Uint32Array,
  timesMs: Float64Array,
  kinds: Uint8Array,
  revision: number,
  attributes: Attributes | undefined,
]

/** Of the saved form; another one is passed over and the log replayed. */
export const stateVersion = 5

/** What became of an event. */
export type Applied = { readonly kind: 'applied' | 'duplicate' | 'catalogue_full' }

/**
 * Everything that follows from the event log, and nothing else: two replicas that read the same
 * log hold the same state, however often parts of it were delivered.
 */
export class RecommendState {
  readonly catalogue: Catalogue
  readonly histories: Histories
  readonly popularity: Popularity
  readonly covisitation: Covisitation
  readonly counters: ItemCounters
  readonly content: ContentIndex = new ContentIndex()
  readonly latest: Latest = new Latest()
  /** What vectors say of each item. */
  readonly facts: ItemFacts
  /** Ids of the newest events. */
  readonly eventIds: EventMemory
  #events = 0

  constructor(limits: StateLimits = stateLimits, saved?: SavedState) {
    this.catalogue = new Catalogue(limits.itemsMax)
    this.facts = new ItemFacts(this.catalogue)
    this.histories = new Histories(limits, (item) => this.catalogue.at(item)?.itemId ?? '')
    this.popularity = new Popularity(saved?.popularity)
    this.covisitation = new Covisitation(covisitationDefaults, saved?.covisitation)
    this.counters = new ItemCounters(saved?.counters)
    this.eventIds = new EventMemory(limits.eventIdsMax, saved?.eventIds)
    for (const item of saved?.items ?? []) this.describe(item)
    for (const [userId, items, timesMs, kinds, revision, attributes] of saved?.users ?? [])
      this.histories.restore(userId, {
        items: [...items],
        timesMs: [...timesMs],
        kinds: [...kinds],
        revision,
        ...(attributes ? { attributes } : {}),
      })
    this.#events = saved?.events ?? 0
  }

  /** Events applied, those of saved states included. */
  get events(): number {
    return this.#events
  }

  /** Applies one event; the second time it changes nothing. */
  interact(event: Interaction): Applied {
    const item = this.catalogue.intern(event.itemId)
    if (item === undefined) return { kind: 'catalogue_full' }
    if (!this.eventIds.admit(event.eventId)) return { kind: 'duplicate' }
    this.record(event.userId, item, event.timeMs, event.kind, event.weight)
    return { kind: 'applied' }
  }

  /** Records an event whose id needs no check: training data, replays. */
  record(userId: string, item: number, timeMs: number, kind: EventKind, weight = 1): void {
    this.#events++
    this.counters.observe(item, kind, timeMs, weight)
    const strength = kindWeights[kind] * weight
    if (strength === 0) return
    const placed = this.histories.record(userId, item, timeMs, eventKinds.indexOf(kind))
    this.popularity.observe(item, timeMs, strength)
    if (placed.at >= 0) this.covisitation.observe(placed.history, placed.at)
  }

  /**
   * Applies one step of an order: a reservation is a purchase and takes stock, an end gives it back.
   * `counts`: false where the user is kept elsewhere and only the stock moves.
   */
  order(step: OrderStep, counts = true): Applied {
    if (!this.eventIds.admit(`${step.type} ${step.orderId}`)) return { kind: 'duplicate' }
    const item = this.catalogue.intern(step.productId)
    if (item === undefined) return { kind: 'catalogue_full' }
    if (step.type === 'order.reserved') {
      this.catalogue.moveStock(item, -step.quantity)
      if (counts) this.record(step.userId, item, step.atMs, 'purchase')
    } else if (stockComesBack.has(step.type)) this.catalogue.moveStock(item, step.quantity)
    return { kind: 'applied' }
  }

  /** What a caller says of a user. */
  describeUser(userId: string, attributes: Attributes): void {
    this.histories.describe(userId, attributes)
  }

  /** Adds or replaces an item. */
  describe(item: Item): Applied {
    const number = this.catalogue.put(item)
    if (number === undefined) return { kind: 'catalogue_full' }
    this.content.put(number, item)
    const sinceMs = item.publishedAtMs ?? this.catalogue.at(number)?.addedAtMs
    if (sinceMs !== undefined) this.latest.put(number, sinceMs)
    return { kind: 'applied' }
  }

  /** What the channels read. */
  knowledge(models: Models): Knowledge {
    return {
      itemCount: this.catalogue.size,
      popularity: this.popularity,
      covisitation: this.covisitation,
      content: this.content,
      latest: this.latest,
      models,
    }
  }

  /** All histories side by side, all at once. O(events kept). */
  interactions(): Interactions {
    return lastOf(this.copyInteractions())
  }

  /**
   * All histories side by side, in memory that threads share, so that nothing is copied twice. Stops
   * after about `pieceSizeMax` values; nothing may be recorded until it is done. O(events kept).
   */
  *copyInteractions(): Generator<undefined, Interactions> {
    const users = this.histories.users
    const length = this.histories.events
    const start = new Uint32Array(new SharedArrayBuffer(4 * (users + 1)))
    const items = new Uint32Array(new SharedArrayBuffer(4 * length))
    const timesMs = new Float64Array(new SharedArrayBuffer(8 * length))
    let at = 0
    let user = 0
    let size = 0
    for (const [, history] of this.histories.entries()) {
      items.set(history.items, at)
      timesMs.set(history.timesMs, at)
      start[++user] = at += history.items.length
      size += 4 + history.items.length
      if (size < pieceSizeMax) continue
      size = 0
      yield
    }
    return { itemCount: this.catalogue.size, start, items, timesMs }
  }

  /**
   * The state as plain data that shares its memory and is made as it is read: whoever saves it copies
   * it in pieces (`piecesOf`), and nothing may be recorded until the last one is taken. O(1).
   */
  view(): SavedState {
    return {
      version: stateVersion,
      events: this.#events,
      items: new LongPart(() => this.catalogue.items),
      users: new LongPart(() => usersOf(this.histories.entries())),
      popularity: this.popularity.view(),
      covisitation: this.covisitation.view(),
      counters: this.counters.view(),
      eventIds: new LongPart(() => this.eventIds.hashes()),
    }
  }

  /** A copy of the state as plain data, all at once. O(state). */
  save(): SavedState {
    return joined(piecesOf(this.view())) as SavedState
  }
}

function* usersOf(entries: Iterable<[string, History]>): Generator<SavedUser> {
  for (const entry of entries) yield savedUser(entry)
}

function savedUser([userId, history]: [string, History]): SavedUser {
  return [
    userId,
    Uint32Array.from(history.items),
    Float64Array.from(history.timesMs),
    Uint8Array.from(history.kinds),
    history.revision ?? 0,
    history.attributes,
  ]
}

const stockComesBack: ReadonlySet<string> = new Set([
  'order.cancelled',
  'order.expired',
  'order.refunded',
])
