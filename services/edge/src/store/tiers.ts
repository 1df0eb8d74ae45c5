import type { DiskEntry } from '../disk/disk-entry.ts'
import type { DiskTier } from '../disk/disk-tier.ts'
import type { Spill } from '../disk/spill.ts'
import type { FieldList, FieldSource } from '../domain/fields.ts'
import type { Timing } from '../domain/freshness.ts'
import { softened } from '../domain/softening.ts'
import type { Selector } from '../domain/vary.ts'
import { MemoryStore } from './memory-store.ts'
import { emptyOrder, type PurgeOrder } from './response-index.ts'
import { Sweep } from './sweep.ts'
import type { StoredParts, StoredResponse } from './stored-response.ts'

/**
 * What is stored, in memory and on disk. Memory answers in the same turn. All that is whole goes to
 * disk too, behind the answers, so that a restart finds it again; what is larger than memory takes
 * is in memory with its head only. The two never disagree: whatever replaces or removes a response
 * in one does so in the other.
 */
export class Tiers {
  readonly memory: MemoryStore
  #disk: DiskTier | undefined
  readonly #sweep = new Sweep()

  constructor(memoryBytesMax: number, disk: DiskTier | undefined) {
    this.memory = new MemoryStore(memoryBytesMax, (stored) => this.#disk?.evicted(stored))
    this.#use(disk)
  }

  get disk(): DiskTier | undefined {
    return this.#disk
  }

  /** Goes on with `disk`, opened anew where the tier before was released and nobody took it. */
  takeBack(disk: DiskTier | undefined): void {
    if (disk)
      for (const { order, atMs } of this.#disk?.missed ?? []) this.#purgeDisk(disk, order, atMs)
    this.#use(disk)
    for (const stored of this.memory.named({ ...emptyOrder, all: true }))
      // A body of the former tier is found anew; all others may be newer than what is on disk.
      if (stored.source) this.memory.remove(stored)
      else disk?.write(stored)
  }

  #use(disk: DiskTier | undefined): void {
    this.#disk = disk
    if (disk) disk.onLost = (stored) => this.memory.remove(stored)
  }

  /** In memory, for an answer in this turn. */
  find(key: string, request: FieldSource): StoredResponse | undefined {
    return this.memory.find(key, request)
  }

  /** On disk only; `load` brings it. */
  findOnDisk(key: string, request: FieldSource): DiskEntry | undefined {
    return this.#disk?.find(key, request)
  }

  /** Brings `entry` into memory, with its body where that is small; undefined where it is gone. */
  async load(entry: DiskEntry): Promise<StoredResponse | undefined> {
    const stored = await this.#disk?.load(entry)
    if (!stored || !entry.live) return undefined
    if (!this.memory.holds(stored)) this.memory.put(stored)
    return stored
  }

  /** Whether anything of `key` is stored, and what the newest of it is selected by. */
  newestSelector(key: string): Selector | undefined {
    const newest = this.memory.variants(key).at(-1) ?? this.#disk?.variants(key).at(-1)
    return newest?.selector
  }

  /** The newest part of `key` with `selector`, or that `request` selects; undefined where none. */
  part(key: string, request: FieldSource, selector?: Selector): StoredResponse | undefined {
    return this.memory.part(key, request, selector)
  }

  put(stored: StoredResponse): void {
    this.memory.put(stored)
    this.#disk?.write(stored)
  }

  /** Stores a response whose body went to disk as it came. */
  putSpilled(spill: Spill, parts: Omit<StoredParts, 'body' | 'source'>): void {
    const stored = this.#disk?.finish(spill, parts)
    if (stored) this.memory.put(stored)
  }

  /** Puts newer fields in place. */
  refresh(stored: StoredResponse, headers: FieldList, timing: Timing): void {
    stored.refresh(headers, timing)
    this.#disk?.refreshed(stored)
  }

  remove(stored: StoredResponse): void {
    this.memory.remove(stored)
    this.#disk?.remove(stored)
  }

  /**
   * Removes or softens what `order` names; returns how many responses, each counted once. At once
   * nobody is given any of them; their places in lists and indexes are cleared in later turns.
   */
  purge(order: PurgeOrder, nowMs: number): number {
    const found = this.memory.named(order)
    const onDisk = this.#disk && this.#purgeDisk(this.#disk, order, nowMs)
    let count = found.size
    if (onDisk) for (const { stored } of onDisk) if (!stored || !found.has(stored)) count++
    for (const stored of found) {
      if (order.soft) stored.refresh(stored.headers, softened(stored.timing, nowMs))
      else this.memory.retire(stored)
    }
    if (!order.soft) this.#sweep.add(found, (stored) => this.memory.sweep(stored))
    return count
  }

  #purgeDisk(disk: DiskTier, order: PurgeOrder, nowMs: number): ReadonlySet<DiskEntry> {
    const found = disk.purge(order, nowMs)
    if (!order.soft) this.#sweep.add(found, (entry) => disk.sweep(entry))
    return found
  }
}
