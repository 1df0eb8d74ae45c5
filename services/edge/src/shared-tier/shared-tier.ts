/**
 * The shared tier: what one node has fetched, the others need not. Asked where memory and disk have
 * nothing, before peers and the origin, once for all who wait.
 *
 * It never makes a request slower than `lookupMs`: an answer that is late is not waited for, and
 * after some of them nobody asks for a while. It may forget at any time; it must never give back what
 * was purged: see `purge-log.ts`.
 */
import type { Clock, Timer } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { ByteKeyValue } from '@spate/state/key-value'
import type { RequestDirectives } from '../domain/cache-control.ts'
import { fieldValue, type FieldSource } from '../domain/fields.ts'
import { usability } from '../domain/freshness.ts'
import { selects } from '../domain/vary.ts'
import { Breaker, type BreakerState } from '../origins/breaker.ts'
import { emptyOrder, type PurgeOrder } from '../store/response-index.ts'
import type { StoredResponse } from '../store/stored-response.ts'
import {
  decodeEntry,
  encodeNames,
  encodeResponse,
  placeOf,
  selectorPlaceOf,
  variantPlaceOf,
  type Entry,
} from './entry.ts'
import { PurgeLog, type Stamp } from './purge-log.ts'
import { PurgedNames } from './purged-names.ts'

/** Look-ups under way; at more the origin is asked. */
export const lookupsMax = 1000
/** Time a fill may take to be written to the shared tier, ms. */
export const fillMsMax = 600_000
/** Shortest rest of freshness that is worth writing, ms. */
export const freshMsMin = 1000
/** How often purges that the tier has not heard of are told again, ms. */
export const owedRetryMs = 1000
/** Purges owed to the tier; at more it is owed a purge of everything. */
export const owedMax = 1000
/** Late or failed look-ups in a row after which nobody asks, and for how long, ms. */
const restRules = { failuresMax: 3, openMs: 1000, errorShareMax: 1 }

/** Limits of the tier. */
export interface SharedLimits {
  /** Longest life of a response, ms. */
  readonly ttlMs: number
  /** Longest time a request waits for the tier, ms. */
  readonly lookupMs: number
  /** Largest body written, bytes. */
  readonly objectBytesMax: number
}

/** What the tier is made of. */
export interface SharedTierParts {
  readonly store: ByteKeyValue
  readonly limits: SharedLimits
  /** Whose responses these are: what another origin said must never be served. */
  readonly identity: string
  readonly clock: Clock
  readonly log: Log
}

/** What is asked for. */
export interface SharedWish {
  readonly key: string
  readonly fields: FieldSource
  readonly directives: RequestDirectives
}

/** What the tier had to say. A stamp goes with the fill that follows; without one it is not written. */
export type SharedAnswer =
  | { readonly kind: 'found'; readonly stored: StoredResponse }
  | { readonly kind: 'nothing'; readonly stamp: Stamp | undefined }

/** Figures of the tier, as seen from this node. */
export interface SharedFigures {
  /** `open`: it failed and is left alone for a while; `away`: there is no connection. */
  readonly state: BreakerState | 'away'
  readonly hits: number
  readonly misses: number
  /** Look-ups that were late or failed. */
  readonly errors: number
  /** Requests that did not ask, because the tier was away, resting or busy. */
  readonly skipped: number
  readonly writes: number
  /** Responses not written: too large, too short-lived, or the tier was away or full. */
  readonly refused: number
  /** Entries that were not what was written. */
  readonly damaged: number
  /** Purges it has not heard of yet. */
  readonly owed: number
}

/** Stored responses that all nodes share. */
export class SharedTier {
  readonly #parts: SharedTierParts
  readonly #log: PurgeLog
  readonly #breaker: Breaker
  readonly #timer: Timer
  #lookups = 0
  #hits = 0
  #misses = 0
  #errors = 0
  #skipped = 0
  #writes = 0
  #refused = 0
  #damaged = 0
  #owed: PurgeOrder[] = []
  #owedNames = new PurgedNames()
  #settling: Promise<void> | undefined

  constructor(parts: SharedTierParts) {
    const { store, clock, limits } = parts
    this.#parts = parts
    this.#log = new PurgeLog(store, clock, limits.ttlMs + fillMsMax + 60_000)
    this.#breaker = new Breaker(restRules, () => clock.elapsed())
    this.#timer = clock.every(owedRetryMs, () => {
      // Owner: `#settle`, which keeps what could not be told.
      if (this.#owed.length > 0) void this.#settle()
    })
  }

  get figures(): SharedFigures {
    return {
      state: this.#parts.store.history === undefined ? 'away' : this.#breaker.state,
      hits: this.#hits,
      misses: this.#misses,
      errors: this.#errors,
      skipped: this.#skipped,
      writes: this.#writes,
      refused: this.#refused,
      damaged: this.#damaged,
      owed: this.#owed.length,
    }
  }

  /** What the tier has for `wish`, fresh and whole. Never rejects, never takes longer than `lookupMs`. */
  async find(wish: SharedWish): Promise<SharedAnswer> {
    const { store, clock, limits } = this.#parts
    if (store.history === undefined || this.#lookups >= lookupsMax || !this.#breaker.permits()) {
      this.#skipped++
      return { kind: 'nothing', stamp: undefined }
    }
    this.#breaker.began()
    this.#lookups++
    const late = Promise.withResolvers<'late'>()
    const timer = clock.after(limits.lookupMs, () => late.resolve('late'))
    const answer = await Promise.race([late.promise, this.#look(wish).catch(errorText)])
    timer.cancel()
    this.#lookups--
    if (typeof answer === 'string') {
      this.#errors++
      this.#breaker.failed()
      return { kind: 'nothing', stamp: undefined }
    }
    this.#breaker.answered(false)
    if (answer.kind === 'found') this.#hits++
    else this.#misses++
    return answer
  }

  /** Writes `stored`, whose fill began at `stamp`, behind the answers. Nobody waits for it. */
  write(stored: StoredResponse, stamp: Stamp): void {
    const { clock, limits, store } = this.#parts
    const { timing, headers } = stored
    const ttlMs = Math.min(limits.ttlMs, timing.freshUntilMs - clock.now())
    const late = clock.elapsed() - stamp.atMs > fillMsMax
    const whole = !stored.partial && !stored.source && stored.length <= limits.objectBytesMax
    const cookie = fieldValue(headers, 'set-cookie') !== undefined
    const away = store.history === undefined || this.#breaker.state !== 'closed'
    if (!whole || cookie || late || away || ttlMs < freshMsMin) {
      this.#refused++
      return
    }
    // Owner: this line; what cannot be written is fetched again.
    void this.#write(stored, stamp, ttlMs).then(
      () => this.#writes++,
      () => this.#refused++,
    )
  }

  /** Resolves to true once no node can have what `order` names from here; false where the tier is owed it. */
  async purge(order: PurgeOrder): Promise<boolean> {
    this.#owed.push({ ...order, soft: false })
    this.#owedNames.add(order, 1, this.#parts.clock.elapsed())
    if (this.#owed.length > owedMax) this.#owe([{ ...emptyOrder, all: true }])
    // One that is under way may have begun before this.
    await this.#settling
    await this.#settle()
    return this.#owed.length === 0
  }

  async close(): Promise<void> {
    this.#timer.cancel()
    await this.#parts.store.close()
  }

  async #look(wish: SharedWish): Promise<SharedAnswer> {
    const { clock, identity } = this.#parts
    const place = placeOf(wish.key, identity)
    const { lineage } = this.#log
    const guess = lineage === '' ? undefined : this.#read(lineage, place)
    // Where the count cannot be read the guess is not waited for.
    guess?.catch(() => undefined)
    const stamp = await this.#log.now()
    const first =
      stamp.lineage === lineage && guess ? await guess : await this.#read(stamp.lineage, place)
    const entry =
      first?.kind === 'names'
        ? await this.#read(stamp.lineage, variantPlaceOf(place, first.names, wish.fields))
        : first
    if (entry?.kind !== 'response') return { kind: 'nothing', stamp }
    const { stored, epoch } = entry
    const fits = stored.key === wish.key && selects(stored.selector, wish.fields)
    const fresh = usability(stored.timing, wish.directives, clock.now()).kind === 'fresh'
    const purged = this.#log.concern(stored, epoch) || this.#owedNames.concern(stored, 0)
    return fits && fresh && !purged ? { kind: 'found', stored } : { kind: 'nothing', stamp }
  }

  async #read(lineage: string, place: string): Promise<Entry | undefined> {
    const bytes = await this.#parts.store.getBytes(`${lineage}:${place}`)
    if (!bytes) return undefined
    const entry = decodeEntry(bytes)
    if (!entry) this.#damaged++
    return entry
  }

  async #write(stored: StoredResponse, stamp: Stamp, ttlMs: number): Promise<void> {
    const { store, identity } = this.#parts
    const { names, values } = stored.selector
    const place = placeOf(stored.key, identity)
    const keep = { ttlMs }
    const at = names.length === 0 ? place : selectorPlaceOf(place, names, values)
    await store.setBytes(`${stamp.lineage}:${at}`, encodeResponse(stored, stamp.epoch), keep)
    if (at !== place) await store.setBytes(`${stamp.lineage}:${place}`, encodeNames(names), keep)
  }

  /** Tells the tier what it is owed; all of it at once. Never rejects. */
  #settle(): Promise<void> {
    this.#settling ??= this.#tell().finally(() => (this.#settling = undefined))
    return this.#settling
  }

  async #tell(): Promise<void> {
    const told = this.#owed.length
    if (told === 0) return
    try {
      await this.#log.append(together(this.#owed))
      this.#owe(this.#owed.slice(told))
    } catch (caught) {
      this.#parts.log.warn('the shared tier did not hear of a purge', {
        why: errorText(caught),
        owed: this.#owed.length,
      })
    }
  }

  #owe(orders: readonly PurgeOrder[]): void {
    this.#owed = [...orders]
    this.#owedNames = new PurgedNames()
    for (const order of orders) this.#owedNames.add(order, 1, this.#parts.clock.elapsed())
  }
}

function together(orders: readonly PurgeOrder[]): PurgeOrder {
  return {
    keys: orders.flatMap(({ keys }) => keys),
    tags: orders.flatMap(({ tags }) => tags),
    prefixes: orders.flatMap(({ prefixes }) => prefixes),
    hosts: orders.flatMap(({ hosts }) => hosts),
    all: orders.some(({ all }) => all),
    soft: false,
  }
}
