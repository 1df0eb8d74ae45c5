/** The one way anything is written to disk: an append-only log in segment files. */
import { Fault } from '@spate/runtime/fault'
import { crashPoint } from '@spate/runtime/host'
import { silentLog, type Log } from '@spate/runtime/log'

import type { Disk } from './disk.ts'
import { FileLog, type JournalCounters } from './file-log.ts'
import { nodeDisk } from './node-disk.ts'
import type { JournalRecord, SeePayload } from './reader.ts'
import { recoverSegments, type RecoverOptions, type Recovery } from './recovery.ts'
import { createSegment, type Segment } from './segment.ts'
import { snapshotSequence, type Snapshot, type SnapshotBody } from './snapshot.ts'

/** How to open a journal. */
export interface JournalOptions {
  /** Folder of its own; made where it does not exist. */
  readonly folder: string
  readonly disk?: Disk
  readonly log?: Log
  /** A new segment begins once one holds this many bytes. Default 64 MiB. */
  readonly segmentBytesMax?: number
  /** Longest payload. Default 4 MiB. */
  readonly recordBytesMax?: number
  /** Most bytes waiting for the disk; beyond it `append` refuses with `overloaded`. Default 64 MiB. */
  readonly pendingBytesMax?: number
  /**
   * Sync only where somebody waits in `durable`; else after each batch. For records whose loss in a
   * power cut costs nothing: a process that dies loses them no more than others. Default false.
   */
  readonly syncWhenAsked?: boolean
  /** What to do when durable records cannot be read. Default `refuse`. */
  readonly onDamage?: 'refuse' | 'repair'
  /** Runs `task` at the end of the present turn. Default `setImmediate`; simulations bring theirs. */
  readonly turn?: (task: () => void) => void
  /** Called at each named crash point. Default: the process's. */
  readonly crash?: (name: string) => void
}

/** An open journal. One process owns its folder. */
export interface Journal {
  readonly folder: string
  /** What opening it found. */
  readonly recovery: Recovery
  /** Oldest sequence that can still be read; 1 + `lastSequence` where there is none. */
  readonly firstSequence: number
  /** Newest sequence given out; 0 where there never was one. */
  readonly lastSequence: number
  /** Newest sequence that survives a power cut. */
  readonly durableSequence: number
  /** Bytes waiting for the disk. */
  readonly pendingBytes: number
  readonly counters: JournalCounters
  /** Why the journal refuses; undefined while it works. */
  readonly failure: Fault | undefined
  /**
   * Takes a copy of `payload` and returns its sequence (1, 2, 3 ...). Not durable yet.
   * Throws `payload_too_large`, `overloaded`, or the failure that stopped the journal.
   */
  append(payload: Uint8Array): number
  /** Resolves once everything appended before this call survives a power cut. */
  durable(): Promise<void>
  /** Durable records (with `syncWhenAsked`: written ones) from `fromSequence` on, as far as there are when the reading gets there. */
  read(fromSequence: number): AsyncIterable<JournalRecord>
  /** Like `read`, faster: `see` must not keep `payload`, and ends the reading with false. */
  replay(fromSequence: number, see: SeePayload): Promise<void>
  /** Saves the state as of `sequence` (<= `durableSequence`); one at a time, else `conflict`. */
  writeSnapshot(sequence: number, body: SnapshotBody): Promise<void>
  /** The newest sound snapshot; undefined where there is none. */
  latestSnapshot(): Promise<Snapshot | undefined>
  /** Lets go of whole segments below `fromSequence`; resolves to how many. */
  retain(fromSequence: number): Promise<number>
  /** Makes everything durable and lets go of the folder. Idempotent. */
  close(): Promise<void>
}

/**
 * Opens the journal in `options.folder`, recovering what is there. Rejects with `data_locked` where
 * another process owns it and `data_corrupt` where durable records cannot be read.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { folder, disk = nodeDisk, log = silentLog } = options
  const recordBytesMax = options.recordBytesMax ?? 4 * 1024 * 1024
  const recover = { disk, folder, log, recordBytesMax, onDamage: options.onDamage ?? 'refuse' }
  await disk.makeFolder(folder)
  const lock = await disk.lock(folder)
  try {
    const { segments, recovery } = await recoverSegments(recover)
    await beginSegment(recover, segments)
    // A process that died between making a file and syncing its name leaves a name that can vanish.
    await disk.syncFolder(folder)
    const active = segments.at(-1) as Segment
    return new FileLog({
      ...recover,
      lock,
      segments,
      recovery,
      file: await disk.open(`${folder}/${active.name}`, 'change'),
      turn: options.turn ?? ((task) => void setImmediate(task)),
      crash: options.crash ?? crashPoint,
      segmentBytesMax: options.segmentBytesMax ?? 64 * 1024 * 1024,
      pendingBytesMax: options.pendingBytesMax ?? 64 * 1024 * 1024,
      syncWhenAsked: options.syncWhenAsked ?? false,
    })
  } catch (caught) {
    await lock.release()
    throw caught
  }
}

/** Makes sure that there is a last segment, and that it does not give sequences out twice. */
async function beginSegment(options: RecoverOptions, segments: Segment[]): Promise<void> {
  const { disk, folder, onDamage } = options
  const snapshots = (await disk.list(folder)).map(snapshotSequence)
  const reached = Math.max(0, ...snapshots.filter((sequence) => sequence !== undefined))
  const last = segments.at(-1)
  if (last && last.lastSequence >= reached) return
  if (reached > 0 && onDamage === 'refuse')
    throw new Fault(
      'data_corrupt',
      `${folder}: the log ends at ${last?.lastSequence ?? 0} but a snapshot reaches ${reached}; restore the segments, or open with repair to go on from the snapshot`,
    )
  for (const old of segments.splice(0)) await disk.remove(`${folder}/${old.name}`)
  const made = await createSegment(disk, folder, reached + 1)
  await made.file.close()
  segments.push(made.segment)
}
