import { ByteReader, type ByteWriter } from '../domain/bytes.ts'
import { Chain, linkBytes } from '../domain/chain.ts'
import type { SaleEvent } from '../domain/event.ts'
import { readEvent } from '../domain/event-codec.ts'

/**
 * One record of the journal = the events of one turn: a version byte, the number of the first
 * event (f64), the events, and the chain's link after the last of them.
 */
const version = 1

/** Begins a record whose first event has this number. */
export function beginRecord(writer: ByteWriter, firstSequence: number): void {
  writer.reset()
  writer.u8(version)
  writer.f64(firstSequence)
}

/** Ends the record with the chain's link. */
export function endRecord(writer: ByteWriter, chain: Chain): void {
  writer.raw(chain.head())
}

/** Sees one event of a record, with its number and its bytes; the bytes are valid during the call. */
export type SeeEvent = (event: SaleEvent, sequence: number, bytes: Uint8Array) => void

/**
 * Shows the events of a record in order. Returns the link it ends with. Throws `RangeError` where
 * the bytes are not a record.
 */
export function readRecord(payload: Uint8Array, see: SeeEvent): Uint8Array {
  const reader = new ByteReader(payload)
  if (reader.u8() !== version) throw new RangeError('the record has an unknown version')
  let sequence = reader.f64()
  while (reader.left > linkBytes) {
    const from = reader.at
    const event = readEvent(reader)
    see(event, sequence++, payload.subarray(from, reader.at))
  }
  return reader.raw(linkBytes)
}
