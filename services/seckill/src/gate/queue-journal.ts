import type { Disk } from '@spate/journal/disk'
import { openJournal, type Journal } from '@spate/journal/journal'
import { secretBytes } from '@spate/runtime/chance'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { ByteReader, ByteWriter } from '../domain/bytes.ts'
import { QueueRoom, type QueueEvent } from './domain/queue.ts'
import { readQueueEvent, writeQueueEvent } from './domain/queue-codec.ts'

/** Records after which the journal is made short again when it is opened or closed. */
const compactAfter = 50_000
const pieceBytes = 1 << 18

/** How to open the journal of the waiting rooms. */
export interface QueueJournalOptions {
  readonly folder: string
  readonly log: Log
  readonly disk?: Disk
}

/** The waiting rooms as they stand in a journal; a snapshot is the shortest list of events. */
export class QueueJournal {
  readonly rooms: QueueRoom[] = []
  readonly #journal: Journal
  readonly #writer: ByteWriter = new ByteWriter()
  readonly #tableSeed = secretBytes(4).readUInt32LE(0)
  #fresh = 0

  private constructor(journal: Journal) {
    this.#journal = journal
  }

  /** Rejects as `openJournal` does, and with `data_corrupt` where a record is not ours. */
  static async open(options: QueueJournalOptions): Promise<QueueJournal> {
    const journal = await openJournal(options)
    try {
      const queue = new QueueJournal(journal)
      await queue.#recover()
      await queue.#compact()
      return queue
    } catch (caught) {
      await journal.close()
      throw caught instanceof RangeError
        ? new Fault('data_corrupt', `${options.folder}: ${caught.message}`, { cause: caught })
        : caught
    }
  }

  /** Why nothing is taken any more; undefined while it works. */
  get failure(): Fault | undefined {
    return this.#journal.failure
  }

  /** Takes the event into the rooms and resolves once it is durable. */
  take(event: QueueEvent): Promise<void> {
    this.append(event)
    this.apply(event)
    return this.durable()
  }

  /** Writes the event down; whoever calls applies it himself, once `durable` resolves. */
  append(event: QueueEvent): void {
    this.#writer.reset()
    writeQueueEvent(this.#writer, event)
    this.#journal.append(this.#writer.view())
    this.#fresh++
  }

  /** Resolves once everything appended is durable. */
  durable(): Promise<void> {
    return this.#journal.durable()
  }

  /** Takes an event into the rooms. */
  apply(event: QueueEvent): void {
    if (event.type === 'opened') {
      this.rooms.push(new QueueRoom(event, this.#tableSeed))
      return
    }
    const room = this.rooms[event.room]
    if (!room) throw new RangeError(`there is no waiting room ${event.room}`)
    if (event.type === 'joined') room.join(event.userId)
    else if (event.type === 'drawn') room.draw(event.arrivals)
    else if (event.type === 'admitted') room.admit(event.count)
    else room.close()
  }

  async close(): Promise<void> {
    if (!this.#journal.failure) {
      await this.#journal.durable()
      await this.#compact()
    }
    await this.#journal.close()
  }

  async #recover(): Promise<void> {
    const snapshot = await this.#journal.latestSnapshot()
    if (snapshot) {
      const reader = new ByteReader(snapshot.bytes)
      while (reader.left > 0) this.apply(readQueueEvent(reader))
    }
    await this.#journal.replay((snapshot?.sequence ?? 0) + 1, (_sequence, payload) => {
      this.apply(readQueueEvent(new ByteReader(payload)))
      this.#fresh++
    })
  }

  async #compact(): Promise<void> {
    if (this.#fresh < compactAfter) return
    const { lastSequence } = this.#journal
    await this.#journal.writeSnapshot(lastSequence, this.#pieces())
    await this.#journal.retain(lastSequence + 1)
    this.#fresh = 0
  }

  *#pieces(): Generator<Uint8Array> {
    const writer = new ByteWriter()
    for (const [number, room] of this.rooms.entries()) {
      for (const event of room.events(number)) {
        writeQueueEvent(writer, event)
        if (writer.length < pieceBytes) continue
        yield writer.copy()
        writer.reset()
      }
    }
    if (writer.length > 0) yield writer.copy()
  }
}
