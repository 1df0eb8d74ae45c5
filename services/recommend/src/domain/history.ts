/**
 * Kinds of events, by the number they are stored as. Unknown kinds count as `other`. An
 * `impression` says that the item was shown: it is counted, but nothing the user did.
 */
export const eventKinds = ['view', 'click', 'cart', 'purchase', 'other', 'impression'] as const

/** Name of an event kind. */
export type EventKind = (typeof eventKinds)[number]

/** What a kind says about interest, against a purchase. */
export const kindWeights: Readonly<Record<EventKind, number>> = {
  view: 0.3,
  click: 0.4,
  cart: 0.7,
  purchase: 1,
  other: 0.3,
  impression: 0,
}

/** What a caller may say of a user: a segment, an age group, a score of another system. */
export type Attributes = Readonly<Record<string, string | number | boolean>>

/** One user's events, oldest first; the three lists run side by side. Do not change them. */
export interface History {
  readonly items: readonly number[]
  readonly timesMs: readonly number[]
  /** Index into `eventKinds`. */
  readonly kinds: readonly number[]
  /** Goes up with every change; absent for users nobody has met. */
  readonly revision?: number
  readonly attributes?: Attributes
}

interface MutableHistory {
  items: number[]
  timesMs: number[]
  kinds: number[]
  revision: number
  attributes?: Attributes
}

/** A history without events. */
export const emptyHistory: History = Object.freeze({ items: [], timesMs: [], kinds: [] })

/** Bounds of `Histories`. */
export interface HistoryLimits {
  /** Users kept; the one whose last event came longest ago is dropped first. */
  readonly usersMax: number
  /** Events kept a user; the oldest are dropped first. */
  readonly eventsPerUserMax: number
}

/** Where an event was put. */
export interface Placed {
  readonly history: History
  /** Index of the event in the history; -1 where it was older than all that is kept. */
  readonly at: number
  /** The user who had to go to make room. */
  readonly dropped?: string
}

/**
 * What each user did, in order of time, bounded in users and in events a user. Events of the same
 * moment are in order of item id and kind, so the order in which events arrive leaves no trace.
 * Recording is O(1) for events in order and O(events kept) for late ones.
 */
export class Histories {
  readonly #limits: HistoryLimits
  /** In order of last use, so that the first key is the one to drop. */
  readonly #users = new Map<string, MutableHistory>()
  readonly #idOf: (item: number) => string
  #evictions = 0
  #events = 0
  #eventsDropped = 0

  /** `idOf`: the id of an item, by its number. */
  constructor(limits: HistoryLimits, idOf: (item: number) => string = String) {
    this.#limits = limits
    this.#idOf = idOf
  }

  /** Users kept now. */
  get users(): number {
    return this.#users.size
  }

  /** Events kept now, of all users. */
  get events(): number {
    return this.#events
  }

  /** Events dropped so far: the oldest of users who had too many, and those of dropped users. */
  get eventsDropped(): number {
    return this.#eventsDropped
  }

  /** Users dropped so far. */
  get evictions(): number {
    return this.#evictions
  }

  /** The user's events; `emptyHistory` where nothing is known. */
  of(userId: string): History {
    return this.#users.get(userId) ?? emptyHistory
  }

  has(userId: string): boolean {
    return this.#users.has(userId)
  }

  /** Records one event at its place in time. */
  record(userId: string, item: number, timeMs: number, kind: number): Placed {
    const { history, dropped } = this.#touch(userId)
    const { items, timesMs, kinds } = history
    let at = items.length
    while (at > 0 && this.#isAfter(history, at - 1, { item, timeMs, kind })) at--
    const full = items.length >= this.#limits.eventsPerUserMax
    if (full) this.#eventsDropped++
    else this.#events++
    if (full && at === 0) return { history, at: -1 }
    if (at === items.length) {
      items.push(item)
      timesMs.push(timeMs)
      kinds.push(kind)
    } else {
      items.splice(at, 0, item)
      timesMs.splice(at, 0, timeMs)
      kinds.splice(at, 0, kind)
    }
    if (full) {
      items.shift()
      timesMs.shift()
      kinds.shift()
      at--
    }
    return dropped === undefined ? { history, at } : { history, at, dropped }
  }

  /** Says what is known of a user beside the events; what was said before is replaced. */
  describe(userId: string, attributes: Attributes): void {
    this.#touch(userId).history.attributes = attributes
  }

  /** Puts a whole history in place: for rebuilding from a snapshot. */
  restore(userId: string, history: History): void {
    this.#users.set(userId, {
      items: [...history.items],
      timesMs: [...history.timesMs],
      kinds: [...history.kinds],
      revision: history.revision ?? 0,
      ...(history.attributes ? { attributes: history.attributes } : {}),
    })
    this.#events += history.items.length
    this.#makeRoom()
  }

  /** Every user, the one to be dropped first at the front. */
  entries(): IterableIterator<[string, History]> {
    return this.#users.entries()
  }

  #touch(userId: string): { readonly history: MutableHistory; readonly dropped?: string } {
    const known = this.#users.get(userId)
    const history = known ?? { items: [], timesMs: [], kinds: [], revision: 0 }
    history.revision++
    if (known) this.#users.delete(userId)
    this.#users.set(userId, history)
    const dropped = this.#makeRoom()
    return dropped === undefined ? { history } : { history, dropped }
  }

  #isAfter(
    { items, timesMs, kinds }: History,
    at: number,
    event: { readonly item: number; readonly timeMs: number; readonly kind: number },
  ): boolean {
    const timeMs = timesMs[at] as number
    if (timeMs !== event.timeMs) return timeMs > event.timeMs
    const item = items[at] as number
    if (item === event.item) return (kinds[at] as number) > event.kind
    return this.#idOf(item) > this.#idOf(event.item)
  }

  #makeRoom(): string | undefined {
    if (this.#users.size <= this.#limits.usersMax) return undefined
    const oldest = this.#users.keys().next()
    if (oldest.done) return undefined
    const events = this.#users.get(oldest.value)?.items.length ?? 0
    this.#events -= events
    this.#eventsDropped += events
    this.#users.delete(oldest.value)
    this.#evictions++
    return oldest.value
  }
}
