/**
 * The index of the disk tier as a journal: what was put where, what is gone, what was purged.
 *
 * The obvious way, an index beside each data file, would make a purge write to as many files as it
 * has objects in. Here a purge by tag is one record, however much it removes: replay carries it out
 * with the same code that carried it out first. Records are idempotent, so a snapshot may be taken
 * while others are appended: what it holds too much of is replayed once more.
 */
import type { Disk } from '@spate/journal/disk'
import { openJournal, type Journal } from '@spate/journal/journal'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { Selector } from '../domain/vary.ts'
import type { PurgeOrder } from '../store/response-index.ts'
import type { DiskEntry } from './disk-entry.ts'

/** A response on disk as it is written down, files by number: a list, since there are many of them. */
export type PutRecord = readonly [
  id: number,
  key: string,
  host: string,
  tags: readonly string[],
  /** Null for one that any request selects. */
  selector: Selector | null,
  softMs: number,
  body: readonly [file: number, at: number, length: number],
  head: readonly [file: number, at: number, length: number, crc: number],
]

/** One thing that happened to the index. */
export type IndexRecord =
  /** Whose responses these are, and the number of the next data file. */
  | { readonly kind: 'start'; readonly identity: string; readonly nextFile: number }
  | { readonly kind: 'put'; readonly put: PutRecord }
  | { readonly kind: 'gone'; readonly ids: readonly number[] }
  | { readonly kind: 'purge'; readonly order: PurgeOrder; readonly atMs: number }

/** Bytes of records after which a snapshot is due, at the least. */
const snapshotBytesMin = 1_048_576
/** Entries of a snapshot made in one turn of the event loop. */
const entriesATurn = 500
const newline = 10

/** The journal behind the index. */
export class DiskIndex {
  readonly #journal: Journal
  readonly #snapshotBytes: number
  #sinceSnapshot = 0
  #lastSnapshotBytes = 0
  #saving: Promise<void> | undefined

  private constructor(journal: Journal, bytesMax: number) {
    this.#journal = journal
    this.#snapshotBytes = Math.max(snapshotBytesMin, bytesMax)
  }

  /**
   * Opens the index in `folder` and shows `see` all that is in it, oldest first. `bytesMax` is how
   * much may be appended before a snapshot. Throws `data_corrupt`, `data_locked`. O(records).
   */
  static async open(
    place: { readonly disk: Disk; readonly folder: string; readonly log: Log },
    bytesMax: number,
    see: (record: IndexRecord) => void,
  ): Promise<DiskIndex> {
    const journal = await openJournal({
      ...place,
      segmentBytesMax: 4 * 1024 * 1024,
      syncWhenAsked: true,
    })
    try {
      const index = new DiskIndex(journal, bytesMax)
      await index.#replay(see)
      return index
    } catch (caught) {
      await journal.close()
      throw caught
    }
  }

  /** Bytes on disk, about. */
  get bytes(): number {
    return this.#sinceSnapshot + this.#lastSnapshotBytes
  }

  /** Notes `record`; durable soon. Throws what stopped the journal. */
  append(record: IndexRecord): void {
    const payload = Buffer.from(JSON.stringify(record))
    this.#journal.append(payload)
    this.#sinceSnapshot += payload.length + 20
  }

  /** Resolves once all that was appended survives a power cut. */
  durable(): Promise<void> {
    return this.#journal.durable()
  }

  /** True where a snapshot would make the index smaller. */
  get snapshotDue(): boolean {
    return !this.#saving && this.#sinceSnapshot > this.#snapshotBytes + this.#lastSnapshotBytes
  }

  /** Writes `start` and `entries` down as a snapshot and lets go of what came before. */
  async snapshot(start: IndexRecord, entries: Iterable<DiskEntry>): Promise<void> {
    this.#saving ??= this.#save(start, entries).finally(() => (this.#saving = undefined))
    await this.#saving
  }

  async close(): Promise<void> {
    await this.#saving?.catch(() => {
      // Whoever asked for the snapshot has heard of it.
    })
    await this.#journal.close()
  }

  async #save(start: IndexRecord, entries: Iterable<DiskEntry>): Promise<void> {
    const journal = this.#journal
    await journal.durable()
    const sequence = journal.durableSequence
    const before = this.#sinceSnapshot
    let bytes = 0
    async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
      let text = `${JSON.stringify(start)}\n`
      let count = 0
      for (const entry of entries) {
        if (entry.live && entry.ready) text += `${JSON.stringify(putRecord(entry))}\n`
        if (++count % entriesATurn > 0) continue
        const piece = Buffer.from(text)
        text = ''
        bytes += piece.length
        yield piece
      }
      const piece = Buffer.from(text)
      bytes += piece.length
      yield piece
    }
    await journal.writeSnapshot(sequence, pieces())
    await journal.retain(sequence + 1)
    this.#lastSnapshotBytes = bytes
    this.#sinceSnapshot -= before
  }

  async #replay(see: (record: IndexRecord) => void): Promise<void> {
    const snapshot = await this.#journal.latestSnapshot()
    if (snapshot) {
      const { bytes } = snapshot
      this.#lastSnapshotBytes = bytes.length
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      for (let at = 0; at < text.length;) {
        const end = text.indexOf(newline, at)
        see(parsed(text.toString('utf8', at, end < 0 ? text.length : end)))
        at = end < 0 ? text.length : end + 1
      }
    }
    await this.#journal.replay((snapshot?.sequence ?? 0) + 1, (_, payload) => {
      this.#sinceSnapshot += payload.length + 20
      const { buffer, byteOffset, length } = payload
      see(parsed(Buffer.from(buffer, byteOffset, length).toString('utf8')))
    })
  }
}

function parsed(text: string): IndexRecord {
  try {
    return JSON.parse(text) as IndexRecord
  } catch (caught) {
    throw new Fault('data_corrupt', 'a record of the disk index cannot be read', { cause: caught })
  }
}

/** `entry` as it is written down; it must be ready. */
export function putRecord(entry: DiskEntry): IndexRecord {
  const { id, key, host, tags, selector, softMs, body, head } = entry
  if (!body || !head) throw new Fault('internal', 'an entry was noted before it was written')
  return {
    kind: 'put',
    put: [
      id,
      key,
      host,
      tags,
      selector.names.length === 0 && selector.language === undefined ? null : selector,
      softMs,
      [body.file.number, body.at, body.length],
      [head.file.number, head.at, head.length, head.crc],
    ],
  }
}
