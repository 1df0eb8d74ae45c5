import { deserialize, serialize } from 'node:v8'
import { openJournal, type Journal } from '@spate/journal/journal'
import type { Log } from '@spate/runtime/log'
import { crashPoint } from '@spate/runtime/host'
import type { Offsets } from './consumer.ts'
import type { FeedbackState } from './domain/rank/feedback.ts'
import { joined, piecesOf, type SavedPiece } from './domain/saved-pieces.ts'
import { stateVersion, type SavedState } from './domain/state.ts'
import { nextTurn } from './turns.ts'

/** State and the offsets it stands at: one thing, saved and read as one. */
export interface Checkpoint {
  readonly state: SavedState
  readonly feedback?: FeedbackState
  readonly offsets: Offsets
  /** Whose state it is, as `Partition` names it; everybody's where absent. */
  readonly partition?: string
}

/** A checkpoint as bytes, ready for the disk. */
export type Frames = readonly Uint8Array[]

/**
 * Copies a checkpoint into bytes, one piece a turn of the event loop, so that no request waits for
 * more than one piece. Nothing may be applied to the state until it resolves. `turn` ends a turn.
 */
export async function framesOf(
  checkpoint: Checkpoint,
  turn: () => Promise<void> = nextTurn,
): Promise<Frames> {
  const frames: Uint8Array[] = [magic]
  for (const piece of piecesOf(checkpoint)) {
    frames.push(frameOf(piece))
    await turn()
  }
  return frames
}

/** What a snapshot begins with; "SPRC" and the version of the frames. */
const magic = Uint8Array.of(0x53, 0x50, 0x52, 0x43, 2, 0, 0, 0)

/** u32 length, little-endian, and the value in V8's form. */
function frameOf(value: unknown): Uint8Array {
  const body = serialize(value)
  const frame = new Uint8Array(4 + body.length)
  new DataView(frame.buffer).setUint32(0, body.length, true)
  frame.set(body, 4)
  return frame
}

function* valuesOf(bytes: Uint8Array): Generator {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = magic.length; at < bytes.length;) {
    const length = view.getUint32(at, true)
    yield deserialize(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
}

/** The checkpoint in `bytes`; undefined where they are of another version. */
export function checkpointOf(bytes: Uint8Array): Checkpoint | undefined {
  if (Buffer.compare(bytes.subarray(0, magic.length), magic) !== 0) return undefined
  const checkpoint = joined(valuesOf(bytes) as Generator<SavedPiece>) as Checkpoint | undefined
  return checkpoint?.state.version === stateVersion ? checkpoint : undefined
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
    const checkpoint = checkpointOf(found.bytes)
    if (checkpoint) return checkpoint
    this.#log.warn('a snapshot of another version is passed over; the log is replayed instead')
    return undefined
  }

  /** Saves a checkpoint; the one before it is let go once this one is safe. */
  async save(frames: Frames): Promise<void> {
    // The journal names snapshots by a sequence: one small record a snapshot moves it on.
    const sequence = this.#journal.append(Buffer.from('snapshot'))
    await this.#journal.durable()
    crashPoint('recommend.before-snapshot')
    await this.#journal.writeSnapshot(sequence, frames)
    crashPoint('recommend.after-snapshot')
    await this.#journal.retain(sequence)
  }

  async close(): Promise<void> {
    await this.#journal.close()
  }
}
