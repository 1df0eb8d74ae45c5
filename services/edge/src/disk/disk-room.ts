import type { StoredResponse } from '../store/stored-response.ts'
import type { DataFile } from './data-file.ts'
import type { DataFiles } from './data-files.ts'
import type { DiskEntry } from './disk-entry.ts'

/** Bytes of one file's responses that are written again when it makes room. */
const rescueBytesMax = 8 * 1024 * 1024
/** Files that get another turn while room is made once. */
const sparesMax = 16

/** What is needed to make room. */
export interface DiskRoomParts {
  readonly files: DataFiles
  readonly index: { readonly bytes: number }
  readonly limits: { readonly bytesMax: number; readonly objectsMax: number }
  readonly objects: () => number
  /** True once the tier has stopped. */
  readonly off: () => boolean
  readonly load: (entry: DiskEntry) => Promise<StoredResponse | undefined>
  readonly evict: (entries: readonly DiskEntry[]) => void
  readonly drop: (file: DataFile) => Promise<void>
  readonly write: (stored: StoredResponse) => void
}

/**
 * Keeps the tier within its bytes and objects: the oldest file goes. What was hit since it was
 * written is written again, and a large body that was hit gets another turn: the order of arrival
 * with a second chance, in whole files, so that nothing is ever moved within one.
 */
export class DiskRoom {
  readonly #parts: DiskRoomParts
  #last: Promise<boolean> = Promise.resolve(true)
  #evicted = 0

  constructor(parts: DiskRoomParts) {
    this.#parts = parts
  }

  /** Responses that had to go. */
  get evicted(): number {
    return this.#evicted
  }

  /** Makes room for `bytes`, one caller after the other; false where there is none. */
  make(bytes: number): Promise<boolean> {
    this.#last = this.#last.then(() => this.#clear(bytes))
    return this.#last
  }

  async #clear(bytes: number): Promise<boolean> {
    const { files, index, limits, objects, off } = this.#parts
    let spared = 0
    while (files.bytes + index.bytes + bytes > limits.bytesMax || objects() > limits.objectsMax) {
      const file = files.oldest()
      if (!file || off()) return false
      const entries = files.entriesOf(file)
      if (file.dedicated && entries.some(({ visited }) => visited) && spared++ < sparesMax) {
        for (const entry of entries) entry.visited = false
        files.spare(file)
      } else await this.#empty(file, entries)
    }
    return true
  }

  async #empty(file: DataFile, entries: readonly DiskEntry[]): Promise<void> {
    const { load, evict, drop, write } = this.#parts
    let rescued = 0
    const kept: StoredResponse[] = []
    for (const entry of file.dedicated ? [] : entries) {
      const inMemory = entry.stored && !entry.stored.source ? entry.stored : undefined
      if (!entry.visited && !inMemory?.visited) continue
      if (rescued + entry.length > Math.min(rescueBytesMax, file.bytes / 2)) break
      const stored = inMemory ?? (await load(entry))
      if (!stored || stored.source) continue
      rescued += entry.length
      kept.push(stored)
    }
    const gone = entries.filter(({ live }) => live)
    // What was purged while it was read must not come back by being written again.
    const alive = kept.filter(({ place }) => place?.live)
    this.#evicted += gone.length - alive.length
    // In one turn: nothing newer can take the place of what is written again.
    evict(gone)
    for (const stored of alive) write(stored)
    await drop(file)
  }
}
