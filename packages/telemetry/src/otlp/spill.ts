import { openJournal, type Journal } from '@spate/journal/journal'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { readParcel, writeParcel, type Parcel } from './parcel.ts'

/**
 * Parcels on disk while the receiver is away: a journal, and a cursor kept as its snapshot. What was
 * sent but not yet noted when the process died is sent again (OTLP allows duplicates); what was
 * durable is never lost below the limit. Past the limit the oldest go, counted.
 */

/** How to open a spill. */
export interface SpillOptions {
  /** Folder of its own. */
  readonly folder: string
  /** Bytes held at most. */
  readonly bytesMax: number
  readonly log: Log
}

interface Held {
  readonly sequence: number
  readonly parcel: Pick<Parcel, 'signal' | 'count'>
  readonly bytes: number
}

const segmentsPerLimit = 16
const segmentBytesLeast = 64 * 1024
const notesEvery = 32

/** Parcels on disk, oldest first. */
export class Spill {
  readonly #journal: Journal
  readonly #options: SpillOptions
  #held: Held[] = []
  #bytes = 0
  #ahead: AsyncIterator<{ readonly sequence: number; readonly payload: Uint8Array }> | undefined
  #unnoted = 0
  #noting: Promise<void> = Promise.resolve()
  /** Called with each parcel that is given up because of the limit. */
  onDrop: (parcel: Pick<Parcel, 'signal' | 'count'>) => void = () => {}

  private constructor(journal: Journal, options: SpillOptions) {
    this.#journal = journal
    this.#options = options
  }

  /** Opens the folder; what an earlier process left is waiting. */
  static async open(options: SpillOptions): Promise<Spill> {
    const journal = await openJournal({
      folder: options.folder,
      log: options.log,
      onDamage: 'repair',
      recordBytesMax: 16 * 1024 ** 2,
      segmentBytesMax: Math.max(segmentBytesLeast, Math.floor(options.bytesMax / segmentsPerLimit)),
    })
    const spill = new Spill(journal, options)
    // The cursor is a snapshot without a body: everything up to its sequence is done.
    const done = (await journal.latestSnapshot())?.sequence ?? 0
    const cursor = Math.max(done + 1, journal.firstSequence)
    await journal.replay(cursor, (sequence, payload) => {
      const parcel = readParcel(payload)
      if (parcel) spill.#add(sequence, parcel, payload.length)
      return true
    })
    return spill
  }

  /** Parcels that wait. */
  get size(): number {
    return this.#held.length
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** Puts `parcel` behind the others; resolves once it survives a power cut. Rejects with the disk's fault. */
  async write(parcel: Parcel): Promise<void> {
    const record = writeParcel(parcel)
    if (record.length > this.#options.bytesMax) {
      this.onDrop(parcel)
      return
    }
    const sequence = this.#journal.append(record)
    this.#add(sequence, parcel, record.length)
    while (this.#bytes > this.#options.bytesMax) {
      const oldest = this.#take()
      if (!oldest) break
      this.onDrop(oldest.parcel)
      // The reader ahead may stand at what was just given up.
      this.#ahead = undefined
      this.#note(oldest.sequence + 1)
    }
    await this.#journal.durable()
  }

  /** The oldest parcel, left in place; undefined where none waits. */
  async oldest(): Promise<Parcel | undefined> {
    for (;;) {
      const first = this.#held[0]
      if (!first) return undefined
      this.#ahead ??= this.#journal.read(first.sequence)[Symbol.asyncIterator]()
      const next = await this.#ahead.next()
      if (next.done) {
        // Read to the end of what was durable then; begin again from the oldest.
        this.#ahead = undefined
        await this.#journal.durable()
        continue
      }
      if (next.value.sequence !== this.#held[0]?.sequence) {
        if (next.value.sequence > first.sequence) this.#ahead = undefined
        continue
      }
      const parcel = readParcel(next.value.payload)
      if (parcel) return parcel
      this.#take()
    }
  }

  /** The oldest parcel was sent, or refused for good. */
  sent(): void {
    const oldest = this.#take()
    if (oldest && (++this.#unnoted >= notesEvery || this.#held.length === 0))
      this.#note(oldest.sequence + 1)
  }

  /** The oldest parcel goes back: it will be given out again. */
  again(): void {
    this.#ahead = undefined
  }

  async close(): Promise<void> {
    const next = this.#held[0]?.sequence ?? this.#journal.lastSequence + 1
    this.#note(next)
    await this.#noting
    await this.#journal.close()
  }

  #add(sequence: number, { signal, count }: Parcel, bytes: number): void {
    this.#held.push({ sequence, parcel: { signal, count }, bytes })
    this.#bytes += bytes
  }

  #take(): Held | undefined {
    const held = this.#held.shift()
    if (held) this.#bytes -= held.bytes
    return held
  }

  /** Remembers that everything below `sequence` is done. */
  #note(sequence: number): void {
    this.#unnoted = 0
    this.#noting = this.#noting.then(async () => {
      try {
        await this.#journal.durable()
        if (sequence > 1) await this.#journal.writeSnapshot(sequence - 1, new Uint8Array())
        await this.#journal.retain(sequence)
      } catch (caught) {
        // Without the note a restart sends some parcels twice, which the receiver allows.
        this.#options.log.warn('the spill could not note its place', {
          fault: Fault.from(caught).code,
        })
      }
    })
  }
}
