import { deserialize, serialize } from 'node:v8'
import { openJournal, type Journal } from '@spate/journal/journal'
import type { Log } from '@spate/runtime/log'
import { crashPoint } from '@spate/runtime/host'
import type { Offsets } from './consumer.ts'
import type { FeedbackState } from './domain/rank/feedback.ts'
import { stateVersion, type SavedState } from './domain/state.ts'

/** State and the offsets it stands at: one thing, saved and read as one. */
export interface Checkpoint {
  readonly state: SavedState
  readonly feedback?: FeedbackState
  readonly offsets: Offsets
}

/** Keeps checkpoints on disk. */
export class Snapshots {
  readonly #journal: Journal
  readonly #log: Log

  private constructor(journal: Journal, log: Log) {
    this.#journal = journal
    this.#log = log
  }

  /** Opens the folder. Rejects with `data_locked` where another process has it. */
  static async open(folder: string, log: Log): Promise<Snapshots> {
    return new Snapshots(await openJournal({ folder, log }), log)
  }

  /** The newest checkpoint; undefined where there is none that can be read. */
  async latest(): Promise<Checkpoint | undefined> {
    const found = await this.#journal.latestSnapshot()
    if (!found) return undefined
    const checkpoint = deserialize(found.bytes) as Checkpoint
    if (checkpoint.state.version === stateVersion) return checkpoint
    this.#log.warn('a snapshot of another version is passed over; the log is replayed instead')
    return undefined
  }

  /** Saves a checkpoint; the one before it is let go once this one is safe. */
  async save(checkpoint: Checkpoint): Promise<void> {
    const bytes = serialize(checkpoint)
    // The journal names snapshots by a sequence: one small record a snapshot moves it on.
    const sequence = this.#journal.append(Buffer.from('snapshot'))
    await this.#journal.durable()
    crashPoint('recommend.before-snapshot')
    await this.#journal.writeSnapshot(sequence, bytes)
    crashPoint('recommend.after-snapshot')
    await this.#journal.retain(sequence)
  }

  async close(): Promise<void> {
    await this.#journal.close()
  }
}
