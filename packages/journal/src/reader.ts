import { Fault } from '@spate/runtime/fault'

import type { Disk } from './disk.ts'
import { recordKinds } from './record.ts'
import { positionBefore, scanRecords, type Segment } from './segment.ts'

/** One record as it was appended. */
export interface JournalRecord {
  readonly sequence: number
  readonly payload: Uint8Array
}

/** Sees one record; `payload` is used again for the next. False ends the reading. */
export type SeePayload = (sequence: number, payload: Uint8Array) => boolean | void

/** Where the segments lie. `segments` may grow and lose its oldest while it is read. */
export interface ReadPlace {
  readonly disk: Disk
  readonly folder: string
  readonly recordBytesMax: number
  readonly segments: readonly Segment[]
}

const pageBytesMax = 1 << 20
const pageRecordsMax = 4096

/** Shows durable records from `fromSequence` on, oldest first. O(records after it). */
export async function replaySegments(
  place: ReadPlace,
  fromSequence: number,
  see: SeePayload,
): Promise<void> {
  let next = fromSequence
  let wanted = true
  while (wanted) {
    const segment = place.segments.find((one) => one.lastSequence >= next)
    if (!segment) return
    const from = next
    next = segment.lastSequence + 1
    // As far as it reaches now: what is appended while we read is the next look's, or it came twice.
    wanted = await scanSegment(place, { segment, bytes: segment.bytes }, from, see)
  }
}

/** Like `replaySegments`, as an iteration over copies, read a page at a time. */
export async function* readSegments(
  place: ReadPlace,
  fromSequence: number,
): AsyncIterable<JournalRecord> {
  let next = fromSequence
  for (;;) {
    const page: JournalRecord[] = []
    let bytes = 0
    await replaySegments(place, next, (sequence, payload) => {
      page.push({ sequence, payload: payload.slice() })
      bytes += payload.length
      return bytes < pageBytesMax && page.length < pageRecordsMax
    })
    const last = page.at(-1)
    if (!last) return
    yield* page
    next = last.sequence + 1
  }
}

async function scanSegment(
  place: ReadPlace,
  { segment, bytes: to }: { readonly segment: Segment; readonly bytes: number },
  fromSequence: number,
  see: SeePayload,
): Promise<boolean> {
  const path = `${place.folder}/${segment.name}`
  const file = await place.disk.open(path, 'read')
  let wanted = true
  try {
    const span = {
      from: positionBefore(segment, fromSequence),
      to,
      lengthMax: place.recordBytesMax,
    }
    const end = await scanRecords(file, span, (head, bytes, at) => {
      if (head.kind !== recordKinds.data || head.sequence < fromSequence) return true
      wanted = see(head.sequence, bytes.subarray(at, at + head.length)) !== false
      return wanted
    })
    if (end.bad) throw new Fault('data_corrupt', `${path} cannot be read at byte ${end.position}`)
  } finally {
    await file.close()
  }
  return wanted
}
