import { crc32c } from '@spate/journal/crc32c'
import { Fault } from '@spate/runtime/fault'
import type { BodySource } from '../store/stored-response.ts'
import type { DataFile } from './data-file.ts'

/** Bytes under one checksum. */
export const chunkBytes = 65_536
/** Chunks read at once while streaming. */
const chunksARead = 4

/** Checksums of `body`, one a chunk. O(bytes). */
export function chunkSums(body: Uint8Array): number[] {
  const sums: number[] = []
  for (let at = 0; at < body.length; at += chunkBytes)
    sums.push(crc32c(body, at, Math.min(at + chunkBytes, body.length)))
  return sums
}

/** Where a body lies, and what proves it. */
export interface BodyParts {
  readonly file: DataFile
  readonly at: number
  readonly length: number
  readonly crcs: readonly number[]
  /** Resolves once all of it is on disk; absent where it is. */
  readonly written?: Promise<unknown> | undefined
  /** Called once where the bytes are not what was written. */
  readonly onDamage: () => void
  readonly onRead: () => void
}

/** A body on disk. Not a byte comes out whose chunk's checksum was not proven. */
export class DiskBody implements BodySource {
  readonly length: number
  readonly crcs: readonly number[]
  readonly #parts: BodyParts
  #written: Promise<unknown> | undefined

  constructor(parts: BodyParts) {
    this.#parts = parts
    this.length = parts.length
    this.crcs = parts.crcs
    this.#written = parts.written
  }

  async *stream(first: number, last: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { file, onRead } = this.#parts
    onRead()
    const release = file.hold()
    try {
      if (this.#written) await this.#written
      this.#written = undefined
      for (let at = first; at <= last;) {
        const { start, bytes } = await this.#chunks(Math.floor(at / chunkBytes), last)
        const piece = bytes.subarray(at - start, last + 1 - start)
        at += piece.length
        yield piece
      }
    } finally {
      await release()
    }
  }

  /** The whole of it. Throws `Fault('data_corrupt')` where it is damaged. */
  async whole(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    for await (const piece of this.stream(0, this.length - 1)) pieces.push(piece)
    const [only] = pieces
    return only && pieces.length === 1 ? only : Buffer.concat(pieces, this.length)
  }

  /** Proven chunks from number `index` on, as many as one read takes. */
  async #chunks(
    index: number,
    last: number,
  ): Promise<{ readonly start: number; readonly bytes: Uint8Array }> {
    const { file, at, crcs, onDamage } = this.#parts
    const start = index * chunkBytes
    const wanted = Math.min(index + chunksARead, Math.floor(last / chunkBytes) + 1)
    const end = Math.min(wanted * chunkBytes, this.length)
    const bytes = await file.read(at + start, end - start).catch((caught: unknown) => {
      onDamage()
      throw caught
    })
    if (bytes.length === end - start && proven(bytes, crcs, index)) return { start, bytes }
    onDamage()
    throw new Fault('data_corrupt', 'a stored body is not what was written')
  }
}

/** True where each chunk of `bytes`, which begin at chunk `index`, has its checksum. O(bytes). */
export function proven(bytes: Uint8Array, crcs: readonly number[], index: number): boolean {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const sum = crc32c(bytes, at, Math.min(at + chunkBytes, bytes.length))
    if (sum !== crcs[index + at / chunkBytes]) return false
  }
  return true
}
