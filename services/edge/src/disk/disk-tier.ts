/**
 * The disk tier: what memory has no room for, and all of it again after a restart.
 *
 * Bodies lie in data files: small ones one behind the other, a large one in a file of its own, where
 * it goes as it comes from the origin. The index is a journal (`disk-index.ts`) and a few hundred
 * bytes an object in memory. The oldest file makes room first; what was hit since is written again.
 *
 * Never a wrong byte: the index has the checksum of a head, the head those of its body's chunks; nothing
 * unproven is sent. Bodies are not synced: one that a power cut kept from the disk is a miss.
 */
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { FieldSource } from '../domain/fields.ts'
import { ResponseIndex, type PurgeOrder } from '../store/response-index.ts'
import { StoredResponse, type StoredParts } from '../store/stored-response.ts'
import { DataFiles } from './data-files.ts'
import type { DataFile } from './data-file.ts'
import { DiskEntry, living } from './disk-entry.ts'
import { putRecord, type DiskIndex, type IndexRecord } from './disk-index.ts'
import { DiskReader } from './disk-reader.ts'
import { DiskRoom } from './disk-room.ts'
import { encodeHead } from './head.ts'
import { MissedPurges, type MissedPurge } from './missed-purges.ts'
import { Spill } from './spill.ts'
import { WriteQueue } from './write-queue.ts'

/** Share of the tier one object may take: one of so many parts. */
const largestShare = 8
/** Limits of the tier. */
export interface DiskLimits {
  readonly bytesMax: number
  readonly objectsMax: number
  /** Largest body, bytes; an eighth of `bytesMax` at most. */
  readonly objectBytesMax: number
  /** Largest body that comes into memory whole when it is hit, bytes. */
  readonly promoteBytesMax: number
}

/** What the tier is made of; `openDiskTier` puts it together. */
export interface DiskTierParts {
  readonly limits: DiskLimits
  readonly index: DiskIndex
  readonly files: DataFiles
  readonly entries: ReadonlyMap<number, DiskEntry>
  readonly byName: ResponseIndex<DiskEntry>
  readonly nextId: number
  readonly identity: string
  readonly log: Log
  /** Removes the whole index from disk. */
  readonly wipe: () => Promise<void>
}

/** Figures of the tier. */
export interface DiskFigures {
  readonly objects: number
  readonly bytes: number
  readonly bytesMax: number
  readonly hits: number
  readonly writes: number
  /** Objects not written because the disk was too slow or too full. */
  readonly skipped: number
  readonly evicted: number
  /** Objects whose bytes were not what was written. */
  readonly damaged: number
}

/** Stored responses on disk. */
export class DiskTier {
  readonly #parts: DiskTierParts
  readonly #entries: Map<number, DiskEntry>
  readonly #queue: WriteQueue
  readonly #room: DiskRoom
  readonly #reader: DiskReader
  #nextId: number
  #off: Fault | undefined
  /** Another process is to have the folder: nothing more is taken. */
  #leaving = false
  /** Another process has it: what was purged since then, for whoever takes the folder back. */
  #missed: MissedPurges | undefined
  #wiped: Promise<void> | undefined
  #hits = 0
  #skipped = 0
  #damaged = 0
  /** Bodies on their way here now. */
  spills = 0
  /** Called where a response in memory has lost the body it had here. */
  onLost: (stored: StoredResponse) => void = () => {}

  constructor(parts: DiskTierParts) {
    this.#parts = parts
    this.#entries = new Map(parts.entries)
    this.#nextId = parts.nextId
    this.#reader = new DiskReader(parts.limits.promoteBytesMax, (entry, fault) =>
      this.#lost(entry, fault),
    )
    this.#room = new DiskRoom({
      ...parts,
      objects: () => this.#entries.size,
      off: () => this.#off !== undefined,
      load: (entry) => this.#reader.load(entry),
      evict: (entries) => this.#evict(entries),
      drop: (file) => this.#drop(file),
      write: (stored) => this.write(stored),
    })
    this.#queue = new WriteQueue({
      files: parts.files,
      makeRoom: (bytes) => this.#room.make(bytes),
      onWritten: (entry) => this.#append(putRecord(entry)),
      onFailed: (entry, fault) => this.#lost(entry, fault),
    })
  }

  get figures(): DiskFigures {
    const { files, index, limits } = this.#parts
    return {
      objects: this.#entries.size,
      bytes: files.bytes + index.bytes,
      bytesMax: limits.bytesMax,
      hits: this.#hits,
      writes: this.#queue.writes,
      skipped: this.#skipped,
      evicted: this.#room.evicted,
      damaged: this.#damaged,
    }
  }

  /** Largest body taken, bytes. */
  get objectBytesMax(): number {
    const { bytesMax, objectBytesMax } = this.#parts.limits
    return Math.min(objectBytesMax, Math.floor(bytesMax / largestShare))
  }

  /** All of `key` that can be read, newest last. */
  variants(key: string): readonly DiskEntry[] {
    return this.#parts.byName.variants(key).filter((entry) => entry.ready)
  }

  /** What `request` selects of `key`; undefined where none. O(variants). */
  find(key: string, request: FieldSource): DiskEntry | undefined {
    const entry = this.#parts.byName.find(key, request)
    return entry?.ready ? entry : undefined
  }

  /**
   * The response at `entry`, its body in memory where it is small; undefined where it is damaged or
   * was purged meanwhile. All who ask at once share one reading.
   */
  load(entry: DiskEntry): Promise<StoredResponse | undefined> {
    this.#hits++
    return this.#reader.load(entry)
  }

  /** Writes `stored` behind the answers; what was in its place is gone at once. */
  write(stored: StoredResponse): void {
    if (this.#off || stored.partial || stored.source) return
    const before = this.#parts.byName.same(stored)
    if (before) this.#remove([before])
    if (this.#leaving) return
    if (stored.length > this.objectBytesMax || this.#queue.full) {
      this.#skipped++
      return
    }
    const entry = this.#enter(stored)
    entry.stored = stored
    stored.place = entry
    this.#queue.push(entry, stored)
  }

  /** A body that begins to come in and is too large for memory; undefined where the tier takes none. */
  spill(): Spill | undefined {
    if (this.#off || this.#leaving || this.spills >= spillsMax) return undefined
    const { files } = this.#parts
    this.spills++
    const file = files.create(true)
    return new Spill(
      file,
      (bytes) => this.#room.make(bytes),
      (bytes) => void files.grow(file, bytes),
    )
  }

  /** The response whose body is in `spill`, for use at once; it is on disk a little later. */
  finish(spill: Spill, parts: Omit<StoredParts, 'body' | 'source'>): StoredResponse | undefined {
    if (this.#off || this.#leaving || spill.fault) {
      this.abandon(spill)
      return undefined
    }
    const before = this.#parts.byName.same(parts)
    if (before) this.#remove([before])
    const length = spill.takenBytes
    const entry = this.#enter({ ...parts, length })
    entry.crcs = spill.crcs
    const { file } = spill
    const { status, headers, timing, key } = parts
    let crc = 0
    let headBytes = 0
    const written = spill.finish((crcs) => {
      const head = encodeHead({ key, status, headers, timing, crcs })
      crc = head.crc
      headBytes = head.bytes.length
      return head.bytes
    })
    const source = this.#reader.bodyOf(entry, { file, at: 0, length, crcs: spill.crcs, written })
    const stored = new StoredResponse({ ...parts, body: noBytes, source })
    stored.place = entry
    entry.stored = stored
    // Owner: the spill's own chain; a failure takes the entry out.
    void written.then(
      async (headAt) => {
        this.spills--
        file.busy = false
        if (entry.live) {
          entry.body = { file, at: 0, length }
          entry.head = { file, at: headAt, length: headBytes, crc }
          this.#parts.files.settle(entry, file)
          this.#append(putRecord(entry))
        } else await this.#drop(file)
      },
      (caught: unknown) => {
        this.#lost(entry, Fault.from(caught))
        this.abandon(spill)
      },
    )
    return stored
  }

  /** Lets go of a spill that is not stored; who reads from it may finish. */
  abandon(spill: Spill): void {
    this.spills--
    // Owner: this task; a file that cannot be removed now goes at the next start.
    void spill.settled().then(async () => {
      spill.file.busy = false
      await this.#drop(spill.file)
    })
  }

  /** New fields and timing of `stored` go to disk too. */
  refreshed(stored: StoredResponse): void {
    const entry = stored.place
    if (!(entry instanceof DiskEntry) || !entry.live || this.#off || this.#leaving) return
    entry.softMs = 0
    if (entry.ready && !this.#queue.full) this.#queue.pushHead(entry, stored)
  }

  /** Takes the copy of `stored` out. */
  remove(stored: StoredResponse): void {
    const entry = stored.place
    if (entry instanceof DiskEntry && entry.live) this.#remove([entry])
  }

  /** Memory has let go of `stored`: the disk keeps it, now or still. */
  evicted(stored: StoredResponse): void {
    const entry = stored.place
    if (entry instanceof DiskEntry && entry.live) entry.stored = undefined
    else this.write(stored)
  }

  /** Removes or softens what `order` names; what was removed is left to `sweep`. Durable once `durable` resolves. O(responses found). */
  purge(order: PurgeOrder, nowMs: number): ReadonlySet<DiskEntry> {
    const found = this.#parts.byName.named(order)
    if (found.size === 0) return found
    if (order.soft) for (const entry of found) entry.softMs = nowMs
    else for (const entry of found) entry.live = false
    this.#append({ kind: 'purge', order, atMs: nowMs })
    return found
  }

  /** Clears away what `purge` left of `entry`; to be called once. */
  sweep(entry: DiskEntry): void {
    this.#entries.delete(entry.id)
    this.#parts.byName.delete(entry)
    this.#parts.files.leave(entry, (file) => void this.#drop(file))
  }

  /**
   * Lets another process have the folder: writes what is waiting, and nothing from then on. What is
   * there can still be read here, until the other one needs the room: then it is a miss.
   */
  async release(): Promise<void> {
    this.#leaving = true
    await this.written()
    await this.#wiped
    this.#missed ??= new MissedPurges()
    await this.#parts.index.close()
  }

  /** Purges since the folder was released, oldest first. */
  get missed(): readonly MissedPurge[] {
    return this.#missed?.all ?? []
  }

  /** Resolves once what was purged cannot come back, whatever happens. Throws `disk_failed` otherwise. */
  async durable(): Promise<void> {
    if (this.#off) return this.#wiped
    if (this.#missed) return
    try {
      await this.#parts.index.durable()
    } catch (caught) {
      this.#turnOff(Fault.from(caught))
      await this.#wiped
    }
  }

  /** Resolves once nothing waits to be written. */
  written(): Promise<void> {
    return this.#queue.idle()
  }

  /** Writes what is waiting and lets go of the disk. */
  async close(): Promise<void> {
    await this.written()
    await this.#wiped
    if (!this.#missed) await this.#parts.index.close()
    await this.#parts.files.close()
  }

  #enter(of: ConstructorParameters<typeof DiskEntry>[1]): DiskEntry {
    const entry = new DiskEntry(this.#nextId++, of)
    this.#entries.set(entry.id, entry)
    this.#parts.byName.add(entry)
    return entry
  }

  #remove(entries: readonly DiskEntry[]): void {
    for (const entry of entries) this.#forget(entry)
    this.#append({ kind: 'gone', ids: entries.map(({ id }) => id) })
  }

  #forget(entry: DiskEntry): void {
    if (!entry.live) return
    entry.live = false
    this.sweep(entry)
  }

  /** An entry whose bytes are damaged or could not be written. */
  #lost(entry: DiskEntry, fault: Fault | undefined): void {
    if (!entry.live) return
    if (fault && fault.code !== 'data_corrupt') this.#skipped++
    else this.#damaged++
    this.#parts.log.warn('a response on disk is lost', { key: entry.key, why: fault?.message })
    this.#remove([entry])
    if (entry.stored) this.onLost(entry.stored)
  }

  #evict(entries: readonly DiskEntry[]): void {
    for (const { stored } of entries) if (stored?.source) this.onLost(stored)
    this.#remove(entries)
  }

  async #drop(file: DataFile): Promise<void> {
    // It may be another's by now.
    if (this.#missed) return
    try {
      await this.#parts.files.drop(file)
    } catch (caught) {
      this.#parts.log.warn('a data file cannot be removed', {
        file: file.number,
        why: Fault.from(caught).message,
      })
    }
  }

  #append(record: IndexRecord): void {
    if (this.#off) return
    if (this.#missed) return this.#missed.note(record)
    const { index, identity, files } = this.#parts
    try {
      index.append(record)
    } catch (caught) {
      this.#turnOff(Fault.from(caught))
      return
    }
    if (!index.snapshotDue) return
    const start: IndexRecord = { kind: 'start', identity, nextFile: files.next }
    // Owner: the index, which waits for it when it closes.
    void index.snapshot(start, living(this.#entries.values())).catch((caught: unknown) => {
      this.#turnOff(Fault.from(caught))
    })
  }

  /** Without its index the tier is worth nothing, and old records must not come back: all of it goes. */
  #turnOff(fault: Fault): void {
    if (this.#off) return
    this.#off = fault
    this.#parts.log.error('the disk tier stops', { code: fault.code, why: fault.message })
    const entries = Array.from(this.#entries.values())
    for (const entry of entries) {
      this.#forget(entry)
      if (entry.stored?.source) this.onLost(entry.stored)
    }
    this.#wiped = this.#parts.wipe()
    this.#wiped.catch(() => {
      // Whoever purges hears of it: see `durable`.
    })
  }
}

/** Large bodies that may come in at once. */
export const spillsMax = 256
const noBytes = new Uint8Array(0)
