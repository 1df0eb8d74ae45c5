import { ByteReader, type ByteWriter } from '../domain/bytes.ts'
import { Chain, linkBytes } from '../domain/chain.ts'
import type { SaleEvent } from '../domain/event.ts'
import { readEvent } from '../domain/event-codec.ts'

/**
 * One record of the journal = the events of one turn: a version byte, the number of the first
 * event (f64), the events, and the chain's link over them. Version 1 had a link an event, which
 * cost as much as the decision itself and told no more: a record is durable whole or not at all.
 */
export const recordVersion = 2
/** Bytes before the events. */
const headBytes = 9

/** Begins a record whose first event has this number. */
export function beginRecord(writer: ByteWriter, firstSequence: number): void {
  writer.reset()
  writer.u8(recordVersion)
  writer.f64(firstSequence)
}

/** Adds the record's events to the chain and ends it with the link. */
export function endRecord(writer: ByteWriter, chain: Chain): void {
  chain.add(writer.view(headBytes))
  writer.raw(chain.head())
}

/** Adds the events of a whole record to the chain; false where its link says something else. */
export function follows(payload: Uint8Array, chain: Chain): boolean {
  chain.add(payload.subarray(headBytes, payload.length - linkBytes))
  return chain.is(payload.subarray(payload.length - linkBytes))
}

/** Sees one event of a record, with its number. */
export type SeeEvent = (event: SaleEvent, sequence: number) => void

/**
 * Shows the events of a record in order. Throws `RangeError` where the bytes are not a record.
 */
export function readRecord(payload: Uint8Array, see: SeeEvent): void {
  const reader = new ByteReader(payload)
  const written = reader.u8()
  if (written !== recordVersion)
    throw new RangeError(`the record has version ${written}; this program reads ${recordVersion}`)
  let sequence = reader.f64()
  while (reader.left > linkBytes) see(readEvent(reader), sequence++)
}
