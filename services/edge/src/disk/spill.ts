import { crc32c } from '@spate/journal/crc32c'
import { Fault } from '@spate/runtime/fault'
import type { DataFile } from './data-file.ts'
import { chunkBytes, proven } from './disk-body.ts'

/** Lets a spill ask for room before it grows. False: there is none. */
export type Room = (bytes: number) => Promise<boolean>

/** Bytes asked for at a time. */
const roomBytes = 1_048_576

/**
 * A body on its way to a file of its own. It never lies in memory whole: chunks are summed, written
 * and forgotten, and whoever reads more slowly than it comes reads them back from the file.
 */
export class Spill {
  /** Checksum of each chunk so far. */
  readonly crcs: number[] = []
  /** Called when bytes have reached the disk, and when they could not. */
  onProgress: () => void = () => {}
  readonly file: DataFile
  readonly #room: Room
  readonly #grow: (bytes: number) => void
  #buffer: Buffer = Buffer.allocUnsafeSlow(chunkBytes)
  #filled = 0
  #written = 0
  #taken = 0
  #roomLeft = 0
  #chain: Promise<void> = Promise.resolve()
  #fault: Fault | undefined

  constructor(file: DataFile, room: Room, grow: (bytes: number) => void) {
    this.file = file
    this.#room = room
    this.#grow = grow
  }

  /** Why nothing more is written; undefined while all is well. */
  get fault(): Fault | undefined {
    return this.#fault
  }

  /** Bytes that can be read back from the file: whole chunks. */
  get writtenBytes(): number {
    return this.#written
  }

  /** Bytes taken and not yet on disk. */
  get pendingBytes(): number {
    return this.#fault ? 0 : this.#taken - this.#written
  }

  /** Bytes taken so far. */
  get takenBytes(): number {
    return this.#taken
  }

  /** Takes `bytes`; they may be used again afterwards. */
  write(bytes: Uint8Array): void {
    if (this.#fault) return
    this.#taken += bytes.length
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + chunkBytes - this.#filled)
      this.#buffer.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled === chunkBytes) this.#flush()
    }
  }

  /** Bytes from `position` on, `lengthMax` at most, proven; `position` must be below `writtenBytes`. */
  async read(position: number, lengthMax: number): Promise<Uint8Array> {
    const index = Math.floor(position / chunkBytes)
    const start = index * chunkBytes
    const bytes = await this.file.read(start, Math.min(chunkBytes, this.#written - start))
    if (!proven(bytes, this.crcs, index))
      throw new Fault('data_corrupt', 'a body on its way in came back from disk damaged')
    return bytes.subarray(position - start, position - start + lengthMax)
  }

  /** Writes what is left, then `head` behind it; resolves to where the head begins. */
  async finish(head: (crcs: readonly number[]) => Uint8Array): Promise<number> {
    if (this.#filled > 0) this.#flush()
    await this.#chain
    if (this.#fault) throw this.#fault
    const bytes = head(this.crcs)
    this.#grow(bytes.length)
    await this.file.write(bytes, this.#taken)
    return this.#taken
  }

  /** Resolves once nothing is being written any more. */
  settled(): Promise<void> {
    return this.#chain
  }

  #flush(): void {
    const bytes = this.#buffer.subarray(0, this.#filled)
    const position = this.crcs.length * chunkBytes
    this.crcs.push(crc32c(bytes, 0, bytes.length))
    this.#buffer = Buffer.allocUnsafeSlow(chunkBytes)
    this.#filled = 0
    this.#chain = this.#chain.then(() => this.#append(bytes, position))
  }

  async #append(bytes: Uint8Array, position: number): Promise<void> {
    if (this.#fault) return
    try {
      if (this.#roomLeft < bytes.length) {
        if (!(await this.#room(roomBytes))) throw new Fault('disk_full', 'the disk tier is full')
        this.#roomLeft += roomBytes
      }
      this.#roomLeft -= bytes.length
      this.#grow(bytes.length)
      await this.file.write(bytes, position)
      this.#written = position + bytes.length
      this.onProgress()
    } catch (caught) {
      this.#failed(caught)
    }
  }

  #failed(caught: unknown): void {
    this.#fault ??= Fault.from(caught)
    this.onProgress()
  }
}
