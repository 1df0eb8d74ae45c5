/**
 * What happens when a journal is opened.
 *
 * Torn tail: the last segment ends in bytes that no acknowledged record can lie in. They are cut and
 * counted. Damage: a record that had been durable cannot be read (a bad record in a segment that is
 * not the last, or one that a later record proves durable, or a missing segment). It is never cut in
 * silence: the segment is copied to `quarantine/`, and then the journal is refused, or, where the
 * owner said `repair`, opened without the lost records and with a `gap` record in their place.
 */
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'

import type { Disk, DiskFile } from './disk.ts'
import { encodeRecord, recordHeaderBytes, recordKinds } from './record.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  findRecord,
  formatVersion,
  noteRecord,
  scanRecords,
  segmentHeaderBytes,
  segmentSequence,
  type Segment,
} from './segment.ts'

/** A range of sequences that could not be read, both ends included. */
export interface LostRange {
  readonly from: number
  readonly to: number
}

/** What opening a journal found. */
export interface Recovery {
  /** Data records that can be read. */
  readonly records: number
  /** Sequence of the newest record; 0 where there never was one. */
  readonly lastSequence: number
  /** Bytes cut from the end: written, never acknowledged. */
  readonly tornBytes: number
  /** Records that are gone for good; only ever filled by `repair`. */
  readonly lost: readonly LostRange[]
  /** Copies of damaged files, as they were found. */
  readonly quarantined: readonly string[]
}

/** How to recover. */
export interface RecoverOptions {
  readonly disk: Disk
  readonly folder: string
  readonly log: Log
  readonly recordBytesMax: number
  readonly onDamage: 'refuse' | 'repair'
}

interface State {
  readonly options: RecoverOptions
  readonly segments: Segment[]
  readonly lost: LostRange[]
  readonly quarantined: string[]
  records: number
  tornBytes: number
  /** Sequence that must come next; 0 before the first segment. */
  expected: number
}

/** Reads every segment of a folder, proves each record, and makes the end ready for appending. */
export async function recoverSegments(
  options: RecoverOptions,
): Promise<{ readonly segments: Segment[]; readonly recovery: Recovery }> {
  const { disk, folder } = options
  const names = (await disk.list(folder)).filter((name) => segmentSequence(name) !== undefined)
  const state: State = {
    options,
    segments: [],
    lost: [],
    quarantined: [],
    records: 0,
    tornBytes: 0,
    expected: 0,
  }
  for (const [at, name] of names.entries())
    await recoverSegment(state, name, at === names.length - 1)
  const recovery: Recovery = {
    records: state.records,
    lastSequence: Math.max(0, state.expected - 1),
    tornBytes: state.tornBytes,
    lost: state.lost,
    quarantined: state.quarantined,
  }
  return { segments: state.segments, recovery }
}

async function recoverSegment(state: State, name: string, last: boolean): Promise<void> {
  const { disk, folder, recordBytesMax, log } = state.options
  const path = `${folder}/${name}`
  const file = await disk.open(path, 'change')
  let size = await file.size()
  const named = segmentSequence(name) as number
  const headerBytes = new Uint8Array(segmentHeaderBytes)
  await file.read(headerBytes, 0)
  const header = decodeSegmentHeader(headerBytes)
  if (header && header.version > formatVersion) {
    await file.close()
    throw new Fault(
      'data_corrupt',
      `${path} has format version ${header.version}; this program reads up to ${formatVersion}`,
    )
  }
  const segment: Segment = {
    name,
    firstSequence: named,
    lastSequence: named - 1,
    bytes: segmentHeaderBytes,
    index: [],
  }
  if (state.expected !== 0 && named !== state.expected)
    await missingSegment(state, file, name, named)
  state.expected = named
  const sound = header?.firstSequence === named
  const scan = sound
    ? await scanFrom(state, segment, file, size)
    : { position: 0, bad: true, jumped: false, lastBatch: 0 }
  if (scan.bad) {
    const rest = await readRest(file, scan.position, size)
    const damaged = scan.jumped || !last || provenDurable(rest, state.expected, recordBytesMax)
    if (damaged) {
      await repairSegment(state, { segment, file, position: scan.position, rest })
      return
    }
    state.tornBytes += size - scan.position
    log.warn('cut a torn tail that nobody had been promised', {
      file: path,
      position: scan.position,
      bytes: size - scan.position,
    })
    if (!sound) {
      // The process died while it made this segment: nothing was ever in it.
      await file.close()
      await disk.remove(path)
      await disk.syncFolder(folder)
      return
    }
    await file.truncate(scan.position)
    size = scan.position
  }
  if (last) await rewriteTail(file, scan.lastBatch, size)
  segment.bytes = size
  state.segments.push(segment)
  await file.close()
}

/**
 * Writes the last batch again and syncs it. A process that died before its sync, or after a sync
 * that failed, leaves bytes that can be read and are not on the disk: whoever builds on them must
 * make them durable first, and a sync alone would skip pages that the kernel takes for clean.
 */
async function rewriteTail(file: DiskFile, from: number, size: number): Promise<void> {
  if (from > 0 && from < size) {
    const tail = await readRest(file, from, size)
    await file.write(tail, from)
  }
  await file.sync()
}

interface SegmentScan {
  readonly position: number
  readonly bad: boolean
  readonly jumped: boolean
  /** Where the last batch begins: all before it is proven durable. */
  readonly lastBatch: number
}

/** Scans a segment from its first record; `jumped` where a proven record has a sequence out of turn. */
async function scanFrom(
  state: State,
  segment: Segment,
  file: DiskFile,
  size: number,
): Promise<SegmentScan> {
  const span = { from: segmentHeaderBytes, to: size, lengthMax: state.options.recordBytesMax }
  let jumpedAt = -1
  let lastBatch = size
  const end = await scanRecords(file, span, (head, _bytes, _at, position) => {
    if (head.sequence - head.durableSequence <= 1) lastBatch = position
    if (head.kind === recordKinds.data) {
      if (head.sequence !== state.expected) {
        jumpedAt = position
        return false
      }
      noteRecord(segment, head.sequence, position)
      state.records++
      state.expected++
    } else if (head.kind === recordKinds.gap) {
      state.expected = head.sequence + 1
    } else if (head.sequence !== state.expected - 1) {
      jumpedAt = position
      return false
    }
    segment.lastSequence = state.expected - 1
    return true
  })
  if (jumpedAt >= 0) return { position: jumpedAt, bad: true, jumped: true, lastBatch }
  return { ...end, jumped: false, lastBatch }
}

/** True where a proven record in `rest` says that `sequence` was durable before it was written. */
function provenDurable(rest: Uint8Array, sequence: number, lengthMax: number): boolean {
  let from = 0
  for (;;) {
    const found = findRecord(rest, from, Math.max(0, sequence - 1), lengthMax)
    if (!found) return false
    if (found.head.durableSequence >= sequence) return true
    from = found.at + recordHeaderBytes + found.head.length
  }
}

async function readRest(file: DiskFile, from: number, size: number): Promise<Uint8Array> {
  const rest = new Uint8Array(Math.max(0, size - from))
  await file.read(rest, from)
  return rest
}

async function missingSegment(
  state: State,
  file: DiskFile,
  name: string,
  named: number,
): Promise<void> {
  const { disk, folder, onDamage } = state.options
  const lost = { from: state.expected, to: named - 1 }
  if (named < state.expected) {
    await file.close()
    throw new Fault(
      'data_corrupt',
      `${folder}: ${name} begins before the segment in front of it ends; one of them is a stray copy`,
    )
  }
  if (onDamage === 'refuse') {
    await file.close()
    throw new Fault(
      'data_corrupt',
      `${folder}: records ${lost.from} to ${lost.to} are missing before ${name}; put the segment back, or open with repair to go on without them`,
    )
  }
  // The gap is written behind the segment before, so that the next start finds an unbroken log.
  const before = state.segments.at(-1) as Segment
  const previous = await disk.open(`${folder}/${before.name}`, 'change')
  const gap = encodeRecord(
    { kind: recordKinds.gap, sequence: lost.to, durableSequence: lost.to },
    new Uint8Array(0),
  )
  await previous.write(gap, before.bytes)
  await previous.sync()
  await previous.close()
  before.bytes += gap.length
  before.lastSequence = lost.to
  noteLoss(state, lost, `${folder}/${name}`)
}

interface Damage {
  readonly segment: Segment
  readonly file: DiskFile
  readonly position: number
  readonly rest: Uint8Array
}

async function repairSegment(state: State, damage: Damage): Promise<void> {
  const { disk, folder, onDamage, recordBytesMax } = state.options
  const { segment, file, position, rest } = damage
  const path = `${folder}/${segment.name}`
  const copy = await quarantine(state.options, path, file, position)
  state.quarantined.push(copy)
  const firstLost = state.expected
  const next = findRecord(rest, 0, firstLost, recordBytesMax)
  if (onDamage === 'refuse') {
    await file.close()
    const last = next ? ` to ${next.head.sequence - 1}` : ' and those behind it'
    throw new Fault(
      'data_corrupt',
      `${path} is damaged at byte ${position}: record ${firstLost}${last} cannot be read; nothing was changed, a copy is at ${copy}; restore the file, or open with repair to go on without them`,
    )
  }
  const temporary = `${path}.repair`
  if ((await disk.list(folder)).includes(`${segment.name}.repair`)) await disk.remove(temporary)
  const target = await disk.open(temporary, 'create')
  const kept = await readRest(file, 0, position)
  await file.close()
  const before = position > 0 ? kept : encodeSegmentHeader(segment.firstSequence)
  await target.write(before, 0)
  segment.bytes = before.length
  const salvaged = salvage(state, segment, rest)
  if (salvaged.length > 0) await target.write(salvaged, segment.bytes)
  segment.bytes += salvaged.length
  await target.sync()
  await target.close()
  await disk.rename(temporary, path)
  await disk.syncFolder(folder)
  state.segments.push(segment)
}

/** Every proven record of `rest`, in order, with a gap record before each hole's end. */
function salvage(state: State, segment: Segment, rest: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  let bytes = 0
  let from = 0
  const keep = (part: Uint8Array): void => {
    parts.push(part)
    bytes += part.length
  }
  for (;;) {
    const found = findRecord(rest, from, state.expected, state.options.recordBytesMax)
    if (!found) break
    const { head, at } = found
    from = at + recordHeaderBytes + head.length
    if (head.kind !== recordKinds.data) continue
    if (head.sequence > state.expected) {
      const lost = { from: state.expected, to: head.sequence - 1 }
      noteLoss(state, lost, segment.name)
      keep(
        encodeRecord(
          { kind: recordKinds.gap, sequence: lost.to, durableSequence: lost.to },
          new Uint8Array(0),
        ),
      )
    }
    noteRecord(segment, head.sequence, segment.bytes + bytes)
    keep(rest.subarray(at, from))
    state.records++
    state.expected = head.sequence + 1
    segment.lastSequence = head.sequence
  }
  const joined = new Uint8Array(bytes)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

function noteLoss(state: State, lost: LostRange, file: string): void {
  state.lost.push(lost)
  state.options.log.error('records are lost; the log goes on without them', {
    file,
    from: lost.from,
    to: lost.to,
    copy: state.quarantined.at(-1),
  })
}

/** Copies a damaged file as it is; the same damage is copied once, however often it is met. */
export async function quarantine(
  options: Pick<RecoverOptions, 'disk' | 'folder'>,
  path: string,
  file: DiskFile,
  position: number,
): Promise<string> {
  const { disk, folder } = options
  const room = `${folder}/quarantine`
  const name = `${path.slice(path.lastIndexOf('/') + 1)}.at-${position}`
  await disk.makeFolder(room)
  const present = await disk.list(room)
  if (present.includes(name)) return `${room}/${name}`
  if (present.includes(`${name}.part`)) await disk.remove(`${room}/${name}.part`)
  const copy = await disk.open(`${room}/${name}.part`, 'create')
  const size = await file.size()
  const chunk = new Uint8Array(1 << 20)
  for (let at = 0; at < size; at += chunk.length) {
    const got = await file.read(chunk, at)
    await copy.write(chunk.subarray(0, got), at)
  }
  await copy.sync()
  await copy.close()
  await disk.rename(`${room}/${name}.part`, `${room}/${name}`)
  await disk.syncFolder(room)
  return `${room}/${name}`
}
