/**
 * Group commit. `append` copies a record into the filling batch and returns at once. At the end of
 * the turn the batch is written and synced, once, while the next batch fills; everyone who waited for
 * it is woken together. So the number of syncs follows the disk, not the callers: 1000 in flight cost
 * one.
 *
 * Failure is final. After a failed write or sync nobody can know what is on the disk: the kernel marks
 * the pages clean and a second fsync succeeds without them (PostgreSQL's "fsyncgate", 2018). So the
 * log refuses everything from then on; a new start reads what is truly there.
 */
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'

import { Batch } from './batch.ts'
import type { Disk, DiskFile, DiskLock } from './disk.ts'
import {
  readSegments,
  replaySegments,
  type JournalRecord,
  type ReadPlace,
  type SeePayload,
} from './reader.ts'
import { encodeRecord, recordHeaderBytes, recordKinds } from './record.ts'
import type { Recovery } from './recovery.ts'
import { createSegment, noteRecord, segmentHeaderBytes, type Segment } from './segment.ts'
import { newestSnapshot, saveSnapshot, type Snapshot, type SnapshotBody } from './snapshot.ts'

/** What a journal has done since it was opened. */
export interface JournalCounters {
  readonly appends: number
  readonly syncs: number
  readonly bytes: number
  readonly rotations: number
}

/** A recovered log and its limits, all in bytes. */
export interface FileLogOptions {
  readonly folder: string
  readonly disk: Disk
  readonly lock: DiskLock
  readonly log: Log
  readonly segments: Segment[]
  /** The last segment, open for writing. */
  readonly file: DiskFile
  readonly recovery: Recovery
  readonly turn: (task: () => void) => void
  readonly crash: (name: string) => void
  readonly segmentBytesMax: number
  readonly recordBytesMax: number
  readonly pendingBytesMax: number
  /** True where nothing is synced but for those who wait in `durable`. */
  readonly syncWhenAsked: boolean
}

/** The log behind a `Journal`: see there for what each method promises. */
export class FileLog {
  readonly folder: string
  readonly recovery: Recovery
  readonly #disk: Disk
  readonly #lock: DiskLock
  readonly #log: Log
  readonly #segments: Segment[]
  readonly #turn: (task: () => void) => void
  readonly #crash: (name: string) => void
  readonly #segmentBytesMax: number
  readonly #recordBytesMax: number
  readonly #pendingBytesMax: number
  readonly #syncWhenAsked: boolean
  /** Those who asked for a sync that has not begun. */
  #asking: PromiseWithResolvers<void>[] = []
  /** A batch that is in the file and not yet in the segment's books. */
  #written: { readonly segment: Segment; readonly batch: Batch } | undefined
  #file: DiskFile
  #filling: Batch = new Batch()
  #flying: Batch = new Batch()
  #lastSequence: number
  #durableSequence: number
  #flushing = false
  #snapshotting = false
  #failure: Fault | undefined
  #closing: Promise<void> | undefined
  #idle: () => void = () => {}
  #appends = 0
  #syncs = 0
  #bytes = 0
  #rotations = 0

  constructor(options: FileLogOptions) {
    this.folder = options.folder
    this.recovery = options.recovery
    this.#disk = options.disk
    this.#lock = options.lock
    this.#log = options.log
    this.#segments = options.segments
    this.#file = options.file
    this.#turn = options.turn
    this.#crash = options.crash
    this.#segmentBytesMax = options.segmentBytesMax
    this.#recordBytesMax = options.recordBytesMax
    this.#pendingBytesMax = options.pendingBytesMax
    this.#syncWhenAsked = options.syncWhenAsked
    this.#lastSequence = this.#active.lastSequence
    this.#durableSequence = this.#lastSequence
  }

  get firstSequence(): number {
    return (this.#segments[0] as Segment).firstSequence
  }

  get lastSequence(): number {
    return this.#lastSequence
  }

  get durableSequence(): number {
    return this.#durableSequence
  }

  get pendingBytes(): number {
    return this.#filling.used + this.#flying.used
  }

  get failure(): Fault | undefined {
    return this.#failure
  }

  get counters(): JournalCounters {
    return {
      appends: this.#appends,
      syncs: this.#syncs,
      bytes: this.#bytes,
      rotations: this.#rotations,
    }
  }

  get #place(): ReadPlace {
    return {
      disk: this.#disk,
      folder: this.folder,
      recordBytesMax: this.#recordBytesMax,
      segments: this.#segments,
    }
  }

  get #active(): Segment {
    return this.#segments.at(-1) as Segment
  }

  append(payload: Uint8Array): number {
    if (this.#failure) throw this.#failure
    if (this.#closing) throw new Fault('shutting_down', 'the journal is closing')
    if (payload.length > this.#recordBytesMax)
      throw new Fault(
        'payload_too_large',
        `a record of ${payload.length} bytes; at most ${this.#recordBytesMax} are taken`,
      )
    const size = recordHeaderBytes + payload.length
    if (this.#filling.used + this.#flying.used + size > this.#pendingBytesMax)
      throw new Fault('overloaded', 'the disk cannot keep up', { retryAfterSeconds: 1 })
    const sequence = ++this.#lastSequence
    this.#filling.add(recordKinds.data, sequence, payload)
    this.#appends++
    this.#start()
    return sequence
  }

  #start(): void {
    if (this.#flushing) return
    this.#flushing = true
    this.#turn(() => void this.#flush())
  }

  durable(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#syncWhenAsked) return this.#asked()
    if (this.#filling.used > 0) return this.#filling.settled()
    return this.#flying.used > 0 ? this.#flying.settled() : Promise.resolve()
  }

  #asked(): Promise<void> {
    if (this.#durableSequence === this.#lastSequence) return Promise.resolve()
    const asking = Promise.withResolvers<void>()
    this.#asking.push(asking)
    this.#start()
    return asking.promise
  }

  /** Runs until nothing waits; `#flushing` says that it has an owner. Never rejects. */
  async #flush(): Promise<void> {
    while ((this.#filling.used > 0 || this.#asking.length > 0) && !this.#failure) {
      const batch = this.#filling
      this.#filling = this.#flying
      this.#flying = batch
      const asking = this.#asking
      this.#asking = []
      try {
        if (batch.used > 0) await this.#write(batch)
        if (!this.#syncWhenAsked || asking.length > 0) await this.#sync()
      } catch (caught) {
        this.#asking.push(...asking)
        this.#fail(caught)
        break
      }
      // What came while this batch was on its way leaves at once, before those just woken append
      // again: two groups of callers take turns, one on the disk while the other is served.
      batch.resolve()
      for (const { resolve } of asking) resolve()
    }
    this.#flushing = false
    this.#idle()
  }

  async #write(batch: Batch): Promise<void> {
    this.#crash('journal.before-write')
    if (
      this.#active.bytes + batch.used > this.#segmentBytesMax &&
      this.#active.bytes > segmentHeaderBytes
    )
      await this.#rotate()
    const segment = this.#active
    await this.#file.write(batch.written, segment.bytes)
    this.#written = { segment, batch }
    if (this.#syncWhenAsked) this.#noteWritten()
  }

  /** Makes all that is written survive a power cut. */
  async #sync(): Promise<void> {
    this.#crash('journal.before-sync')
    await this.#file.sync()
    this.#crash('journal.after-sync')
    this.#noteWritten()
    this.#durableSequence = this.#active.lastSequence
    this.#syncs++
  }

  /** Lets readers see what was written. */
  #noteWritten(): void {
    if (!this.#written) return
    const { segment, batch } = this.#written
    this.#written = undefined
    noteRecord(segment, batch.firstSequence, segment.bytes)
    segment.bytes += batch.used
    segment.lastSequence = batch.lastSequence
    this.#bytes += batch.used
  }

  async #rotate(): Promise<void> {
    // What follows must never be durable where what came before is not.
    if (this.#durableSequence < this.#active.lastSequence) await this.#sync()
    const next = await createSegment(this.#disk, this.folder, this.#active.lastSequence + 1)
    this.#crash('journal.after-rotate')
    await this.#file.close()
    this.#file = next.file
    this.#segments.push(next.segment)
    this.#rotations++
  }

  #fail(caught: unknown): void {
    const fault = Fault.from(caught, 'disk_failed')
    this.#failure = fault
    this.#log.error(
      'the journal stopped; nothing is acknowledged from now on',
      {
        folder: this.folder,
        durableSequence: this.#durableSequence,
      },
      caught,
    )
    this.#flying.reject(fault)
    this.#filling.reject(fault)
    for (const { reject } of this.#asking.splice(0)) reject(fault)
  }

  read(fromSequence: number): AsyncIterable<JournalRecord> {
    return readSegments(this.#place, fromSequence)
  }

  replay(fromSequence: number, see: SeePayload): Promise<void> {
    return replaySegments(this.#place, fromSequence, see)
  }

  async writeSnapshot(sequence: number, body: SnapshotBody): Promise<void> {
    if (this.#failure) throw this.#failure
    if (this.#snapshotting) throw new Fault('conflict', 'a snapshot is being written already')
    if (sequence > this.#durableSequence)
      throw new Fault('conflict', `sequence ${sequence} is not durable yet`)
    this.#snapshotting = true
    try {
      const place = { disk: this.#disk, folder: this.folder, crash: this.#crash }
      await saveSnapshot(place, sequence, body)
    } finally {
      this.#snapshotting = false
    }
  }

  latestSnapshot(): Promise<Snapshot | undefined> {
    return newestSnapshot(this.#place, this.firstSequence, this.#log)
  }

  async retain(fromSequence: number): Promise<number> {
    let removed = 0
    while (this.#segments.length > 1) {
      const oldest = this.#segments[0] as Segment
      if (oldest.lastSequence >= fromSequence) break
      this.#segments.shift()
      await this.#disk.remove(`${this.folder}/${oldest.name}`)
      removed++
    }
    if (removed > 0) await this.#disk.syncFolder(this.folder)
    return removed
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#flushing) await new Promise<void>((resolve) => (this.#idle = resolve))
    if (!this.#failure && this.#lastSequence > 0) {
      const last = this.#lastSequence
      const seal = encodeRecord(
        { kind: recordKinds.seal, sequence: last, durableSequence: last },
        new Uint8Array(0),
      )
      try {
        await this.#file.write(seal, this.#active.bytes)
        await this.#file.sync()
      } catch (caught) {
        // Without the seal a later damage of the last batch looks like a torn tail; no data is lost.
        this.#log.warn('the journal closed without its seal', { folder: this.folder })
        this.#failure = Fault.from(caught, 'disk_failed')
      }
    }
    await this.#file.close()
    await this.#lock.release()
  }
}
