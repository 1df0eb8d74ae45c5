/**
 * An event as one journal record, little-endian: version u8, zero u8, partition u16, offset f64,
 * time f64 (ms), key length u32, headers length u32, key (UTF-8), headers (JSON), value.
 */
import { Fault } from '@spate/runtime/fault'

import type { OutgoingEvent, Position, StoredEvent } from './event-log.ts'

const version = 1
const fixedBytes = 28
const encoder = new TextEncoder()
const decoder = new TextDecoder()
const none: Readonly<Record<string, string>> = Object.freeze({})

/** The bytes of an event at a position; the last two numbers can be set later by `placeEvent`. */
export function encodeEvent(
  event: OutgoingEvent,
  headers: Uint8Array = headerBytes(event.headers),
): Uint8Array {
  const key = encoder.encode(event.key)
  const bytes = new Uint8Array(fixedBytes + key.length + headers.length + event.value.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = version
  view.setUint32(20, key.length, true)
  view.setUint32(24, headers.length, true)
  bytes.set(key, fixedBytes)
  bytes.set(headers, fixedBytes + key.length)
  bytes.set(event.value, fixedBytes + key.length + headers.length)
  return bytes
}

/** The bytes of events; headers that several share are written once for all of them. */
export function encodeEvents(events: readonly OutgoingEvent[]): Uint8Array[] {
  let shared: OutgoingEvent['headers']
  let bytes: Uint8Array = noBytes
  return events.map((event) => {
    if (event.headers !== shared) bytes = headerBytes((shared = event.headers))
    return encodeEvent(event, bytes)
  })
}

function headerBytes(headers: OutgoingEvent['headers']): Uint8Array {
  return headers && Object.keys(headers).length > 0
    ? encoder.encode(JSON.stringify(headers))
    : noBytes
}

const noBytes = new Uint8Array(0)

/** Writes position and time into encoded bytes. */
export function placeEvent(bytes: Uint8Array, position: Position, timeMs: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  view.setUint16(2, position.partition, true)
  view.setFloat64(4, position.offset, true)
  view.setFloat64(12, timeMs, true)
}

/** Partition and offset of encoded bytes, without reading the rest. */
export function peekPosition(bytes: Uint8Array): Position & { readonly timeMs: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {
    partition: view.getUint16(2, true),
    offset: view.getFloat64(4, true),
    timeMs: view.getFloat64(12, true),
  }
}

/** The event in `bytes`; `value` is a copy. */
export function decodeEvent(topic: string, bytes: Uint8Array): StoredEvent {
  if (bytes.length < fixedBytes || bytes[0] !== version)
    throw new Fault('data_corrupt', `topic ${topic} holds a record of an unknown version`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const keyEnd = fixedBytes + view.getUint32(20, true)
  const headersEnd = keyEnd + view.getUint32(24, true)
  return {
    topic,
    ...peekPosition(bytes),
    key: decoder.decode(bytes.subarray(fixedBytes, keyEnd)),
    headers:
      headersEnd > keyEnd
        ? (JSON.parse(decoder.decode(bytes.subarray(keyEnd, headersEnd))) as Record<string, string>)
        : none,
    value: bytes.slice(headersEnd),
  }
}

/**
 * What `decodeEvent` would read from `bytes`, which were encoded from `event` and placed; `value`
 * shares their memory. Spares live readers the decoding.
 */
export function storedEvent(topic: string, event: OutgoingEvent, bytes: Uint8Array): StoredEvent {
  const { key, headers = none, value } = event
  return {
    topic,
    ...peekPosition(bytes),
    // UTF-8 has no lone surrogates: the journal gives them back as U+FFFD, and so must this.
    key: key.toWellFormed(),
    headers: Object.keys(headers).length > 0 ? { ...headers } : none,
    value: bytes.subarray(bytes.length - value.length),
  }
}

/** Partition of a key: FNV-1a over UTF-16 units, mixed, so that similar keys spread. O(length). */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return ((hash ^ (hash >>> 13)) >>> 0) % partitions
}
