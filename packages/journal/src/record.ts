/**
 * The record format, little-endian:
 *
 *     0  u32  CRC-32C of bytes 4 to the end of the payload
 *     4  u32  payload length in the low 30 bits, kind in the high 2
 *     8  u32  sequence, low half
 *    12  u32  sequence, high half
 *    16  u32  how many sequences back the newest record is that was durable when this was written
 *    20  payload
 *
 * The last field tells damage from a torn tail. A power cut may keep the second half of a batch that
 * was being written and lose the first: a bad record followed by good ones, none of them promised to
 * anybody. But a good record that says "everything up to N was durable before me" proves that a bad
 * record at or below N had been durable and was damaged later. The plain rule "cut at the first bad
 * record" would throw acknowledged records away in silence.
 */
import { crc32c } from './crc32c.ts'

/** Bytes before a payload. */
export const recordHeaderBytes = 20

/** `data`: a caller's. `seal`: a clean close. `gap`: a repair lost what lies before the next record. */
export const recordKinds = { data: 0, seal: 1, gap: 2 } as const

/** One of `recordKinds`. */
export type RecordKind = (typeof recordKinds)[keyof typeof recordKinds]

/** A record's header once its checksum has been proven. */
export interface RecordHead {
  kind: RecordKind
  sequence: number
  /** Newest sequence that was durable when this record was written. */
  durableSequence: number
  /** Payload bytes. */
  length: number
}

/** What to write before a payload of `length` bytes that is already in place. */
export interface RecordSeal {
  readonly kind: RecordKind
  readonly sequence: number
  readonly durableSequence: number
  readonly length: number
}

/** Writes header and checksum at `at`; the payload must lie behind it already. O(length). */
export function sealRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  record: RecordSeal,
): void {
  view.setUint32(at + 4, (record.length | (record.kind << 30)) >>> 0, true)
  view.setUint32(at + 8, record.sequence >>> 0, true)
  view.setUint32(at + 12, Math.floor(record.sequence / 4_294_967_296), true)
  view.setUint32(at + 16, record.sequence - record.durableSequence, true)
  view.setUint32(at, crc32c(bytes, at + 4, at + recordHeaderBytes + record.length), true)
}

/** A whole record in bytes of its own. */
export function encodeRecord(record: Omit<RecordSeal, 'length'>, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(recordHeaderBytes + payload.length)
  bytes.set(payload, recordHeaderBytes)
  sealRecord(bytes, new DataView(bytes.buffer), 0, { ...record, length: payload.length })
  return bytes
}

/** What `readRecord` found: a proven record, too few bytes to tell, or no record. */
export type RecordVerdict = 'good' | 'short' | 'bad'

/**
 * Looks at the record at `at`, where `end` bytes are in hand; fills `head` where it is good.
 * `lengthMax` is the longest payload believed, so that a damaged length is not waited for.
 */
export function readRecord(
  bytes: Uint8Array,
  view: DataView,
  span: { readonly at: number; readonly end: number; readonly lengthMax: number },
  head: RecordHead,
): RecordVerdict {
  const { at, end, lengthMax } = span
  if (at + recordHeaderBytes > end) return 'short'
  const lengthAndKind = view.getUint32(at + 4, true)
  const length = lengthAndKind & 0x3fffffff
  if (length > lengthMax) return 'bad'
  const recordEnd = at + recordHeaderBytes + length
  if (recordEnd > end) return 'short'
  if (view.getUint32(at, true) !== crc32c(bytes, at + 4, recordEnd)) return 'bad'
  const sequence = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 4_294_967_296
  head.kind = (lengthAndKind >>> 30) as RecordKind
  head.sequence = sequence
  head.durableSequence = sequence - view.getUint32(at + 16, true)
  head.length = length
  return 'good'
}
