/**
 * Purges that no node can miss, in the store that all nodes share.
 *
 * The obvious way, to delete from the store what a purge names, needs an index by tag in it, and a
 * fill that began before the purge on a node that has not heard of it brings the old object back.
 * Here nothing is deleted. Purges are numbered; each response says after how many of them its fill
 * began; whoever reads one reads the number of purges with it, and has heard of all of them before
 * it is used. A node that was down, a fill that was on its way, a purge by tag: all are this one rule.
 *
 *   {history}:at      -> {lineage}.{number of purges}
 *   {lineage}:{n}     -> what purge n named
 *
 * A purge claims the next number, then moves the count: nobody sees the count before the purge. Who
 * finds a number claimed moves the count for the one who claimed it. A lineage begins where the count
 * is not there or went back, and with each `history` of the store: then nothing older can be found.
 */
import { secretBytes } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { ByteKeyValue } from '@spate/state/key-value'
import type { Indexed, PurgeOrder } from '../store/response-index.ts'
import { PurgedNames } from './purged-names.ts'

/** Purges a node catches up with; of what is older than more of them nothing is used. */
export const catchUpMax = 1000
/** Longest record of a purge, letters; a longer one is written as a purge of everything. */
export const recordLengthMax = 262_144
/** How long the count is kept without a purge, ms. */
const countMs = 30 * 86_400_000
/** Times the next number may be gone before a purge gives up. */
const claimsMax = 100

/** A place in the log. */
export interface Stamp {
  readonly lineage: string
  /** Purges so far. */
  readonly epoch: number
  /** Monotonic ms when it was read. */
  readonly atMs: number
}

/** The purges of all nodes. */
export class PurgeLog {
  readonly #store: ByteKeyValue
  readonly #clock: Clock
  readonly #keepMs: number
  #names = new PurgedNames()
  #lineage = ''
  /** Purges of this lineage that `#names` has. */
  #known = 0
  #catching: Promise<void> | undefined

  /** `keepMs`: how long a purge matters: as long as anything that began before it may be there. */
  constructor(store: ByteKeyValue, clock: Clock, keepMs: number) {
    this.#store = store
    this.#clock = clock
    this.#keepMs = keepMs
  }

  /** The lineage as far as it is known; empty at first. */
  get lineage(): string {
    return this.#lineage
  }

  /** Where the log stands now; everything up to there is known here. Rejects as the store does. */
  async now(): Promise<Stamp> {
    const known = this.#known
    let count = await this.#count()
    // The count went back: what was purged meanwhile is not known to it any more.
    if (count.lineage === this.#lineage && count.epoch < known) {
      const fresh = begun()
      await this.#store.compareAndSet(this.#countKey(), written(count), written(fresh), countTtl)
      count = await this.#count()
    }
    while (this.#lineage !== count.lineage || this.#known < count.epoch) {
      this.#catching ??= this.#catchUp(count).finally(() => (this.#catching = undefined))
      await this.#catching
    }
    return { ...count, atMs: this.#clock.elapsed() }
  }

  /** True where a purge after `epoch` of this lineage concerns `response`. */
  concern(response: Pick<Indexed, 'key' | 'host' | 'tags'>, epoch: number): boolean {
    return this.#names.concern(response, epoch)
  }

  /** Puts a purge into the log; whoever reads after it has resolved knows it. Rejects as the store does. */
  async append(order: PurgeOrder): Promise<void> {
    const text = JSON.stringify(order)
    const record =
      text.length > recordLengthMax
        ? JSON.stringify({ ...order, all: true, keys: [], tags: [], prefixes: [], hosts: [] })
        : text
    for (let claims = 0; claims < claimsMax; claims++) {
      const count = await this.#count()
      const next = { ...count, epoch: count.epoch + 1 }
      const keep = { ttlMs: this.#keepMs }
      const claimed = await this.#store.compareAndSet(written(next), undefined, record, keep)
      await this.#store.compareAndSet(this.#countKey(), written(count), written(next), countTtl)
      // Where the count was not moved by us, somebody moved it for us.
      if (claimed) return
    }
    throw new Fault('store_unavailable', 'the next purge was always somebody else')
  }

  async #count(): Promise<Count> {
    for (;;) {
      const key = this.#countKey()
      const count = parsed(await this.#store.get(key))
      if (count) return count
      await this.#store.compareAndSet(key, undefined, written(begun()), countTtl)
    }
  }

  #countKey(): string {
    const { history } = this.#store
    if (history === undefined) throw new Fault('store_unavailable', 'the store is away')
    return `${history}:at`
  }

  async #catchUp({ lineage, epoch }: Count): Promise<void> {
    const from = lineage === this.#lineage ? this.#known : 0
    const first = Math.max(from, epoch - catchUpMax) + 1
    const numbers = Array.from({ length: Math.max(0, epoch - first + 1) }, (_, at) => first + at)
    const records = await Promise.all(
      numbers.map((number) => this.#store.get(written({ lineage, epoch: number }))),
    )
    if (lineage !== this.#lineage) this.#names = new PurgedNames()
    const nowMs = this.#clock.elapsed()
    if (first > from + 1) this.#names.addAll(first - 1)
    for (const [at, record] of records.entries()) {
      const order = record === undefined ? undefined : (JSON.parse(record) as PurgeOrder)
      // One that is gone may have named anything.
      if (order) this.#names.add(order, first + at, nowMs)
      else this.#names.addAll(first + at)
    }
    this.#names.forget(nowMs - this.#keepMs)
    this.#lineage = lineage
    this.#known = epoch
  }
}

interface Count {
  readonly lineage: string
  readonly epoch: number
}

const countTtl = { ttlMs: countMs }

function begun(): Count {
  return { lineage: secretBytes(12).toString('base64url'), epoch: 0 }
}

function written({ lineage, epoch }: Count): string {
  return `${lineage}.${epoch}`
}

function parsed(text: string | undefined): Count | undefined {
  if (text === undefined) return undefined
  const dot = text.lastIndexOf('.')
  const epoch = Number(text.slice(dot + 1))
  if (dot < 0 || !Number.isSafeInteger(epoch))
    throw new Fault('store_unavailable', 'the count of purges is not one of ours')
  return { lineage: text.slice(0, dot), epoch }
}
