/**
 * A response as it lies in the shared tier, little-endian: checksum of all that follows u32, length
 * of the head u32, the head as JSON, the body. What several variants exist of has, in its first
 * place, only the names they are told apart by.
 */
import { createHash } from 'node:crypto'
import { crc32c } from '@spate/journal/crc32c'
import { selectingValues, type Selector } from '../domain/vary.ts'
import type { FieldSource } from '../domain/fields.ts'
import { StoredResponse } from '../store/stored-response.ts'

type Parts = Pick<StoredResponse, 'key' | 'host' | 'status' | 'headers' | 'timing' | 'tags'>

interface ResponseHead extends Parts {
  readonly selector: Selector
  /** Purges before its fill began. */
  readonly epoch: number
}

/** What was found in one place. */
export type Entry =
  | { readonly kind: 'response'; readonly epoch: number; readonly stored: StoredResponse }
  | { readonly kind: 'names'; readonly names: readonly string[] }

const headAt = 8

/** `stored`, whose fill began after `epoch` purges, as bytes. O(bytes). */
export function encodeResponse(stored: StoredResponse, epoch: number): Uint8Array {
  const { key, host, status, headers, timing, tags, selector, body } = stored
  const head: ResponseHead = { key, host, status, headers, timing, tags, selector, epoch }
  return packed(JSON.stringify(head), body)
}

/** The names that tell variants apart, as bytes. */
export function encodeNames(names: readonly string[]): Uint8Array {
  return packed(JSON.stringify({ names }), new Uint8Array(0))
}

/** Reads what lies in a place; undefined where it is not what was written. O(bytes). */
export function decodeEntry(bytes: Uint8Array): Entry | undefined {
  if (bytes.length < headAt) return undefined
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const bodyAt = headAt + all.readUInt32LE(4)
  if (bodyAt > all.length || crc32c(all, 4, all.length) !== all.readUInt32LE(0)) return undefined
  const head = JSON.parse(all.toString('utf8', headAt, bodyAt)) as ResponseHead & {
    readonly names?: readonly string[]
  }
  if (head.names) return { kind: 'names', names: head.names }
  const { epoch, ...parts } = head
  const { names, values, language } = head.selector as Selector & {
    readonly values: readonly (string | null)[]
  }
  // A copy of its own: the bytes may be a part of a larger piece that came by the wire.
  const body = Buffer.allocUnsafeSlow(all.length - bodyAt)
  all.copy(body, 0, bodyAt)
  const stored = new StoredResponse({
    ...parts,
    // JSON has no `undefined`.
    selector: { names, values: values.map((value) => value ?? undefined), language },
    body,
    partial: undefined,
  })
  return { kind: 'response', epoch, stored }
}

/** First place of `key`: what any client may have sent cannot make another name of it. */
export function placeOf(key: string, identity: string): string {
  return hashed([identity, key])
}

/** Place of the variant of `key` that a request with `fields` selects by `names`. */
export function variantPlaceOf(
  place: string,
  names: readonly string[],
  fields: FieldSource,
): string {
  return selectorPlaceOf(place, names, selectingValues(names, fields))
}

/** Place of the variant with these selecting values. */
export function selectorPlaceOf(
  place: string,
  names: readonly string[],
  values: readonly (string | undefined)[],
): string {
  return hashed([place, ...names, ...values.map((value) => value ?? null)])
}

function hashed(parts: readonly (string | null)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

function packed(head: string, body: Uint8Array): Uint8Array {
  const headBytes = Buffer.byteLength(head)
  const bytes = Buffer.allocUnsafeSlow(headAt + headBytes + body.length)
  bytes.writeUInt32LE(headBytes, 4)
  bytes.write(head, headAt)
  bytes.set(body, headAt + headBytes)
  bytes.writeUInt32LE(crc32c(bytes, 4, bytes.length), 0)
  return bytes
}
