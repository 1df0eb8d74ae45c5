import type { Disk } from '@spate/journal/disk'
import { inspectJournal, type JournalPlace } from '@spate/journal/inspect'
import { Chain } from '../domain/chain.ts'
import { follows, readRecord } from '../ledger/record.ts'

/** Where a log is not what it was. */
export interface BrokenLink extends JournalPlace {
  readonly reason: string
}

/** What a log says of itself. */
export interface LogVerdict {
  readonly segments: number
  readonly records: number
  /** Events in sound records: the number of the last one. */
  readonly events: number
  /** The chain's link after them, hex. */
  readonly head: string
  /** Undefined where every link fits. */
  readonly broken: BrokenLink | undefined
  /** Bytes at the end that were being written: nobody was told of what they hold. */
  readonly torn: BrokenLink | undefined
  /** True where the engine was closed in order: nothing can be missing at the end. */
  readonly sealed: boolean
  /** Number of the event after which the chain had the link asked for; undefined where it never had. */
  readonly knownHeadAt: number | undefined
}

/** What to verify. */
export interface VerifyOptions {
  /** Folder of the ledger's journal. */
  readonly folder: string
  readonly disk?: Disk
  /** A link seen before, hex: the log must have it, or it was rewritten or cut. */
  readonly knownHead?: string
}

/**
 * Computes the chain of hashes again over a ledger's log, without opening it: a running engine is
 * not disturbed. O(log).
 */
export async function verifyLog(options: VerifyOptions): Promise<LogVerdict> {
  const { folder, disk, knownHead } = options
  const chain = new Chain()
  let events = 0
  let broken: BrokenLink | undefined
  let knownHeadAt = knownHead === chain.hex() ? 0 : undefined
  const found = await inspectJournal({ folder, ...(disk && { disk }) }, (payload, place) => {
    const before = { head: chain.hex(), events }
    const reason = linkFault(payload, chain, events, (last) => (events = last))
    if (reason !== undefined) {
      broken = { ...place, reason }
      events = before.events
      chain.restore(Buffer.from(before.head, 'hex'))
      return false
    }
    if (knownHead === chain.hex()) knownHeadAt = events
    return true
  })
  const { segments, records, sealed, stop } = found
  if (stop && !stop.torn) broken ??= stop
  const torn = stop?.torn ? stop : undefined
  const sound = broken ? records - Number(broken !== stop) : records
  return { segments, records: sound, events, head: chain.hex(), broken, torn, sealed, knownHeadAt }
}

function linkFault(
  payload: Uint8Array,
  chain: Chain,
  events: number,
  done: (last: number) => void,
): string | undefined {
  let last = events
  let gap: string | undefined
  try {
    readRecord(payload, (_, sequence) => {
      if (sequence !== last + 1) gap ??= `event ${sequence} stands where ${last + 1} should`
      last = sequence
    })
    if (gap !== undefined) return gap
    if (!follows(payload, chain)) return 'the chain of hashes does not fit: an event was changed'
  } catch (caught) {
    if (caught instanceof RangeError) return `the record cannot be read: ${caught.message}`
    throw caught
  }
  done(last)
  return undefined
}
