import { Catalogue, type Item } from './catalogue.ts'
import {
  Covisitation,
  covisitationDefaults,
  type CovisitationState,
} from './recall/covisitation.ts'
import { EventMemory } from './event-memory.ts'
import { ContentIndex } from './recall/content.ts'
import { Latest } from './recall/latest.ts'
import { ItemFacts } from './features/feature-vector.ts'
import { ItemCounters } from './features/item-counters.ts'
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
import { Popularity, popularitySpans } from './recall/popularity.ts'
import {
  inPieces,
  joinPieces,
  type SavedPiece,
  type SavedState,
  type SavedUser,
} from './saved-pieces.ts'

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

/** Of the saved form; another one is passed over and the log replayed. */
export const stateVersion = 4

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

  /** Applies one step of an order: a reservation is a purchase and takes stock, an end gives it back. */
  order(step: OrderStep): Applied {
    if (!this.eventIds.admit(`${step.type} ${step.orderId}`)) return { kind: 'duplicate' }
    const item = this.catalogue.intern(step.productId)
    if (item === undefined) return { kind: 'catalogue_full' }
    if (step.type === 'order.reserved') {
      this.catalogue.moveStock(item, -step.quantity)
      this.record(step.userId, item, step.atMs, 'purchase')
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

  /** All histories side by side, for training. O(events kept). */
  interactions(): Interactions {
    const start = new Uint32Array(this.histories.users + 1)
    let length = 0
    let user = 0
    for (const [, history] of this.histories.entries())
      start[++user] = length += history.items.length
    const items = new Uint32Array(length)
    const timesMs = new Float64Array(length)
    user = 0
    for (const [, history] of this.histories.entries()) {
      items.set(history.items, start[user])
      timesMs.set(history.timesMs, start[user])
      user++
    }
    return { itemCount: this.catalogue.size, start, items, timesMs }
  }

  /**
   * The state as plain data, piece by piece, so that requests can be answered in between. Nothing may
   * be recorded until the last piece is taken, or the pieces do not belong together. O(state).
   */
  *pieces(): Generator<SavedPiece> {
    yield { part: 'head', version: stateVersion, events: this.#events }
    for (const items of inPieces(this.catalogue.items, same, itemSize))
      yield { part: 'items', items }
    for (const users of inPieces(this.histories.entries(), savedUser, userSize))
      yield { part: 'users', users }
    for (const span of popularitySpans)
      yield { part: 'popularity', span, state: this.popularity.saveSpan(span) }
    yield { part: 'covisitation', state: this.covisitation.saveHead() }
    for (const rows of inPieces(this.covisitation.savedRows(), same, rowSize))
      yield { part: 'rows', rows }
    yield { part: 'counters', state: this.counters.save() }
    for (const hashes of inPieces(this.eventIds.hashes(), same, () => 1))
      yield { part: 'eventIds', hashes: Float64Array.from(hashes) }
  }

  /** The state as plain data, all at once. O(state). */
  save(): SavedState {
    return joinPieces(this.pieces(), stateVersion) as SavedState
  }
}

const same = <Thing>(thing: Thing): Thing => thing
/** An item's texts cost about as much as this many numbers. */
const itemSize = (): number => 50
const userSize = ([, items]: SavedUser): number => 10 + 3 * items.length
const rowSize = ([, neighbours]: CovisitationState['rows'][number]): number =>
  10 + 2 * neighbours.length

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
