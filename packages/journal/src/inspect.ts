/** Reads a journal without owning it: nothing is locked, cut or changed. */
import { errorCode } from '@spate/runtime/fault'

import type { Disk, DiskFile } from './disk.ts'
import { nodeDisk } from './node-disk.ts'
import { recordKinds } from './record.ts'
import {
  decodeSegmentHeader,
  findRecord,
  scanRecords,
  segmentHeaderBytes,
  segmentSequence,
} from './segment.ts'
import { snapshotSequence } from './snapshot.ts'

/** Where something is in a journal's files. */
export interface JournalPlace {
  readonly file: string
  /** Byte of the file. */
  readonly position: number
  readonly sequence: number
}

/** Bytes that are no record. */
export interface JournalStop extends JournalPlace {
  readonly reason: string
  /** True where they were being written: no acknowledged record can lie in them. */
  readonly torn: boolean
}

/** What an inspection found. */
export interface Inspection {
  readonly segments: number
  /** Data records that could be read. */
  readonly records: number
  /** Sequence of the newest record read; 0 where there is none. */
  readonly lastSequence: number
  /** True where the end is that of a clean close. */
  readonly sealed: boolean
  /** Where reading ended early; undefined where everything was read. */
  readonly stop: JournalStop | undefined
}

/** What to inspect. */
export interface InspectOptions {
  readonly folder: string
  readonly disk?: Disk
  /** Longest payload believed. Default 4 MiB. */
  readonly recordBytesMax?: number
}

/** Sees one data record; `payload` is used again for the next. False ends the reading. */
export type SeePlaced = (payload: Uint8Array, place: JournalPlace) => boolean | void

/** Names of the journal's segments in `folder`; empty where it is no journal's folder. */
export async function segmentsIn(folder: string, disk: Disk = nodeDisk): Promise<string[]> {
  try {
    const names = await disk.list(folder)
    return names.filter((name) => segmentSequence(name) !== undefined).sort()
  } catch (caught) {
    if (errorCode(caught) === 'ENOENT' || errorCode(caught) === 'ENOTDIR') return []
    throw caught
  }
}

/** Shows every data record from the oldest on, until one cannot be read. O(journal). */
export async function inspectJournal(options: InspectOptions, see: SeePlaced): Promise<Inspection> {
  const { folder, disk = nodeDisk, recordBytesMax: lengthMax = 4 * 1024 * 1024 } = options
  const names = await segmentsIn(folder, disk)
  const found = { segments: names.length, records: 0, lastSequence: 0, sealed: false }
  let expected = names[0] === undefined ? 1 : (segmentSequence(names[0]) as number)
  let stop: JournalStop | undefined
  for (const [at, name] of names.entries()) {
    const file = await disk.open(`${folder}/${name}`, 'read')
    try {
      const place = { file: name, position: 0, sequence: expected }
      const head = await headFault(file, name, expected)
      if (head !== undefined) return { ...found, stop: { ...place, reason: head, torn: false } }
      const size = await file.size()
      let wanted = true
      const span = { from: segmentHeaderBytes, to: size, lengthMax }
      const end = await scanRecords(file, span, (head, bytes, from, position) => {
        const { kind, sequence, length } = head
        found.sealed = kind === recordKinds.seal
        // A clean close writes the number of the last record again.
        if (found.sealed && sequence === expected - 1) return true
        if (sequence !== expected || kind === recordKinds.gap) {
          const reason = `records from ${expected} on are missing`
          stop = { file: name, position, sequence: expected, reason, torn: false }
          return false
        }
        expected = sequence + 1
        found.lastSequence = sequence
        found.records++
        const payload = bytes.subarray(from, from + length)
        wanted = see(payload, { file: name, position, sequence }) !== false
        return wanted
      })
      if (end.bad) {
        const last = at === names.length - 1
        const torn =
          last && !(await provenDurable(file, end.position, size, { expected, lengthMax }))
        const reason = torn ? 'the end was being written' : 'the record does not match its checksum'
        stop = { file: name, position: end.position, sequence: expected, reason, torn }
      }
      if (stop || !wanted) return { ...found, stop }
    } finally {
      await file.close()
    }
  }
  const reached = Math.max(
    0,
    ...(await disk.list(folder)).map((name) => snapshotSequence(name) ?? 0),
  )
  if (reached > found.lastSequence) {
    const reason = `a snapshot reaches record ${reached}, but the log ends at ${found.lastSequence}`
    stop = { file: names.at(-1) ?? '', position: 0, sequence: expected, reason, torn: false }
  }
  return { ...found, stop }
}

async function headFault(
  file: DiskFile,
  name: string,
  expected: number,
): Promise<string | undefined> {
  const bytes = new Uint8Array(segmentHeaderBytes)
  await file.read(bytes, 0)
  const header = decodeSegmentHeader(bytes)
  if (!header) return "the segment's header is damaged"
  const named = segmentSequence(name)
  if (header.firstSequence !== named) return 'the header and the name of the segment differ'
  return named === expected ? undefined : `segments from record ${expected} on are missing`
}

/** True where a later record proves that the bad one at `from` had been durable. */
async function provenDurable(
  file: DiskFile,
  from: number,
  size: number,
  { expected, lengthMax }: { readonly expected: number; readonly lengthMax: number },
): Promise<boolean> {
  const rest = new Uint8Array(size - from)
  await file.read(rest, from)
  let at = 1
  for (;;) {
    const next = findRecord(rest, at, expected, lengthMax)
    if (!next) return false
    if (next.head.durableSequence >= expected) return true
    at = next.at + 1
  }
}
