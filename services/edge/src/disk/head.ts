import { crc32c } from '@spate/journal/crc32c'
import type { FieldList } from '../domain/fields.ts'
import type { Timing } from '../domain/freshness.ts'

/** What of a response lies beside its body: all that the index in memory need not know. */
export interface Head {
  readonly key: string
  readonly status: number
  readonly headers: FieldList
  readonly timing: Timing
  /** Checksum of each chunk of the body. */
  readonly crcs: readonly number[]
}

/**
 * A head as bytes, little-endian: number of checksums u32, checksums u32 each, then
 * `[key, status, headers, timing]` as JSON. O(bytes).
 */
export function encodeHead(head: Head): { readonly bytes: Uint8Array; readonly crc: number } {
  const { key, status, headers, timing, crcs } = head
  const text = JSON.stringify([key, status, headers, timing])
  const at = 4 + 4 * crcs.length
  const bytes = Buffer.allocUnsafe(at + Buffer.byteLength(text))
  bytes.writeUInt32LE(crcs.length, 0)
  for (const [number, crc] of crcs.entries()) bytes.writeUInt32LE(crc, 4 + 4 * number)
  bytes.write(text, at)
  return { bytes, crc: crc32c(bytes, 0, bytes.length) }
}

/** Reads a head; undefined where it is not the one `crc` vouches for. */
export function decodeHead(bytes: Uint8Array, crc: number): Head | undefined {
  if (bytes.length < 4 || crc32c(bytes, 0, bytes.length) !== crc) return undefined
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const count = buffer.readUInt32LE(0)
  const crcs = Array.from({ length: count }, (_, at) => buffer.readUInt32LE(4 + 4 * at))
  const [key, status, headers, timing] = JSON.parse(buffer.toString('utf8', 4 + 4 * count)) as [
    string,
    number,
    string[],
    Timing,
  ]
  return { key, status, headers, timing, crcs }
}
