import type { Disk, DiskFile } from './disk.ts'
import { crc32c } from './crc32c.ts'
import { readRecord, recordHeaderBytes, type RecordHead } from './record.ts'

/** Bytes before the first record of a segment: magic, version, first sequence, checksum. */
export const segmentHeaderBytes = 32

/** Version of the format written; older ones are read, newer ones refused. */
export const formatVersion = 1

const magic = 0x4c4e4a45_54415053n // "SPATEJNL" as a little-endian u64
const windowBytes = 1 << 20
const indexEveryBytes = 1 << 16

/** One file of the log, as it is known in memory. */
export interface Segment {
  readonly name: string
  readonly firstSequence: number
  /** `firstSequence - 1` while it holds none. */
  lastSequence: number
  /** Length of the file that is durable. */
  bytes: number
  /** Pairs (sequence, position), about one each 64 KiB, ascending. */
  readonly index: number[]
}

/** File name of the segment that begins at `sequence`; names sort as the sequences do. */
export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(16, '0')}.journal`
}

/** First sequence of a segment's name; undefined where the name is not one. */
export function segmentSequence(name: string): number | undefined {
  const found = /^(\d{16})\.journal$/.exec(name)
  return found ? Number(found[1]) : undefined
}

/** A segment's header. */
export function encodeSegmentHeader(firstSequence: number): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, magic, true)
  view.setUint32(8, formatVersion, true)
  view.setBigUint64(16, BigInt(firstSequence), true)
  view.setUint32(28, crc32c(bytes, 0, 28), true)
  return bytes
}

/** What a header says; undefined where it is short or damaged. */
export function decodeSegmentHeader(
  bytes: Uint8Array,
): { readonly version: number; readonly firstSequence: number } | undefined {
  if (bytes.length < segmentHeaderBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getBigUint64(0, true) !== magic) return undefined
  if (view.getUint32(28, true) !== crc32c(bytes, 0, 28)) return undefined
  return { version: view.getUint32(8, true), firstSequence: Number(view.getBigUint64(16, true)) }
}

/** Makes the file of a new segment, header durable, name durable. */
export async function createSegment(
  disk: Disk,
  folder: string,
  firstSequence: number,
): Promise<{ readonly segment: Segment; readonly file: DiskFile }> {
  const name = segmentName(firstSequence)
  const file = await disk.open(`${folder}/${name}`, 'create')
  await file.write(encodeSegmentHeader(firstSequence), 0)
  await file.sync()
  await disk.syncFolder(folder)
  const segment: Segment = {
    name,
    firstSequence,
    lastSequence: firstSequence - 1,
    bytes: segmentHeaderBytes,
    index: [],
  }
  return { segment, file }
}

/** Notes where a record lies, where enough bytes have passed since the last note. */
export function noteRecord(segment: Segment, sequence: number, position: number): void {
  const { index } = segment
  if (index.length === 0 || position - (index.at(-1) as number) >= indexEveryBytes)
    index.push(sequence, position)
}

/** A position at or before the record `sequence`. O(log index). */
export function positionBefore(segment: Segment, sequence: number): number {
  const { index } = segment
  let low = 0
  let high = index.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((index[middle * 2] as number) <= sequence) low = middle + 1
    else high = middle
  }
  return low === 0 ? segmentHeaderBytes : (index[low * 2 - 1] as number)
}

/** What a scan reads. */
export interface ScanSpan {
  readonly from: number
  /** End of what may be read, usually the file's length. */
  readonly to: number
  /** Longest payload believed. */
  readonly lengthMax: number
}

/**
 * Sees one proven record. `bytes` is a window that is used again: copy what you keep. The payload
 * is `bytes[at, at + head.length)`; `position` is the record's place in the file. False ends the scan.
 */
export type SeeRecord = (
  head: Readonly<RecordHead>,
  bytes: Uint8Array,
  at: number,
  position: number,
) => boolean | void

/** Where a scan ended, and whether by a bad record. */
export interface ScanEnd {
  readonly position: number
  readonly bad: boolean
}

/** Reads records in order until the span ends, a record is bad, or `see` says stop. */
export async function scanRecords(
  file: DiskFile,
  span: ScanSpan,
  see: SeeRecord,
): Promise<ScanEnd> {
  let window = new Uint8Array(Math.min(windowBytes, Math.max(64, span.to - span.from)))
  let view = new DataView(window.buffer)
  const head: RecordHead = { kind: 0, sequence: 0, durableSequence: 0, length: 0 }
  let base = span.from
  let filled = 0
  let at = 0
  for (;;) {
    const verdict = readRecord(window, view, { at, end: filled, lengthMax: span.lengthMax }, head)
    if (verdict === 'good') {
      const position = base + at
      at += recordHeaderBytes + head.length
      if (see(head, window, at - head.length, position) === false)
        return { position: base + at, bad: false }
      continue
    }
    if (verdict === 'bad') return { position: base + at, bad: true }
    const wanted = filled - at >= recordHeaderBytes ? lengthAt(view, at) : recordHeaderBytes
    window.copyWithin(0, at, filled)
    base += at
    filled -= at
    at = 0
    if (wanted > window.length) {
      const larger = new Uint8Array(wanted)
      larger.set(window.subarray(0, filled))
      window = larger
      view = new DataView(window.buffer)
    }
    const room = Math.min(window.length - filled, span.to - base - filled)
    const got =
      room > 0 ? await file.read(window.subarray(filled, filled + room), base + filled) : 0
    if (got === 0) return { position: base, bad: filled > 0 }
    filled += got
  }
}

function lengthAt(view: DataView, at: number): number {
  return recordHeaderBytes + (view.getUint32(at + 4, true) & 0x3fffffff)
}

/**
 * The next proven record in `bytes` at or after `from` whose sequence is `least` or more; undefined
 * where there is none. Tries every byte: a damaged length hides where the next record begins.
 */
export function findRecord(
  bytes: Uint8Array,
  from: number,
  least: number,
  lengthMax: number,
): { readonly at: number; readonly head: RecordHead } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const head: RecordHead = { kind: 0, sequence: 0, durableSequence: 0, length: 0 }
  const most = least + bytes.length / recordHeaderBytes + 1
  for (let at = from; at + recordHeaderBytes <= bytes.length; at++) {
    const sequence = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 4_294_967_296
    // The cheap test first: a checksum at each byte would take minutes for a segment.
    if (sequence < least || sequence > most) continue
    const span = { at, end: bytes.length, lengthMax }
    if (readRecord(bytes, view, span, head) === 'good') return { at, head: { ...head } }
  }
  return undefined
}
