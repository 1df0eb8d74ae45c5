import { listMembers } from './fields.ts'

/** Bytes from `first` to `last`, both included, counted from 0. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** A `Content-Range` of bytes (RFC 9110 section 14.4). */
export interface ContentRange extends ByteRange {
  /** Length of the whole representation; undefined for `*`. */
  readonly complete: number | undefined
}

/** What a `Range` field asks of a representation. */
export type RangeWish =
  /** None, another unit, malformed, or more than we serve: answer with the whole (RFC 9110 section 14.2). */
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'parts'; readonly parts: readonly ByteRange[] }

/** Most ranges served in one answer; with more of them the whole is sent (RFC 9110 section 17.15). */
export const rangesMax = 16

const whole: RangeWish = { kind: 'whole' }

/** Resolves `Range` against a representation of `length` bytes. Ranges that overlap or touch become one. */
export function resolveRange(value: string | undefined, length: number): RangeWish {
  const specs = rangeSpecs(value)
  if (!specs) return whole
  const parts: ByteRange[] = []
  for (const spec of specs) {
    const first = spec.first ?? Math.max(0, length - (spec.suffix ?? 0))
    const last = Math.min(spec.last ?? length - 1, length - 1)
    if (first <= last) parts.push({ first, last })
  }
  if (parts.length === 0) return { kind: 'unsatisfiable' }
  return { kind: 'parts', parts: joined(parts) }
}

/** One `int-range` or `suffix-range` as written. */
export interface RangeSpec {
  /** Absent in a suffix. */
  readonly first: number | undefined
  readonly last: number | undefined
  /** Last n bytes; absent in others. */
  readonly suffix: number | undefined
}

/** The members of a bytes `Range`; undefined where it is to be ignored. */
export function rangeSpecs(value: string | undefined): readonly RangeSpec[] | undefined {
  const set = value === undefined ? null : /^bytes=(.*)$/i.exec(value.trim())
  if (!set) return undefined
  const members = listMembers(set[1])
  if (members.length === 0 || members.length > rangesMax) return undefined
  const specs: RangeSpec[] = []
  for (const member of members) {
    const form = /^(\d{0,15})\s*-\s*(\d{0,15})$/.exec(member)
    if (!form) return undefined
    const [, low = '', high = ''] = form
    if (low === '' && high === '') return undefined
    const first = low === '' ? undefined : Number(low)
    const end = high === '' ? undefined : Number(high)
    if (first !== undefined && end !== undefined && end < first) return undefined
    specs.push({
      first,
      last: first === undefined ? undefined : end,
      suffix: first === undefined ? end : undefined,
    })
  }
  return specs
}

function joined(parts: readonly ByteRange[]): ByteRange[] {
  const out: ByteRange[] = []
  for (const part of parts) {
    const before = out.findIndex(
      (other) => part.first <= other.last + 1 && other.first <= part.last + 1,
    )
    if (before < 0) {
      out.push(part)
      continue
    }
    const other = out[before] as ByteRange
    out.splice(before, 1)
    const merged = joined([
      ...out,
      { first: Math.min(part.first, other.first), last: Math.max(part.last, other.last) },
    ])
    out.splice(0, out.length, ...merged)
  }
  return out
}

/** Reads `Content-Range`; undefined where absent, of another unit or invalid (RFC 9110 section 14.4). */
export function parseContentRange(value: string | undefined): ContentRange | undefined {
  const form =
    value === undefined ? null : /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(value.trim())
  if (!form) return undefined
  const first = Number(form[1])
  const last = Number(form[2])
  const complete = form[3] === '*' ? undefined : Number(form[3])
  if (last < first || (complete !== undefined && complete <= last)) return undefined
  return { first, last, complete }
}

/** Bytes of one representation, held in part. */
export interface HeldPart extends ByteRange {
  readonly bytes: Uint8Array
}

/** Two parts of one representation as one; undefined where a gap is between them. O(bytes). */
export function combined(one: HeldPart, other: HeldPart): HeldPart | undefined {
  const [left, right] = one.first <= other.first ? [one, other] : [other, one]
  if (right.first > left.last + 1) return undefined
  if (right.last <= left.last) return left
  const bytes = new Uint8Array(right.last - left.first + 1)
  bytes.set(left.bytes)
  bytes.set(right.bytes, right.first - left.first)
  return { first: left.first, last: right.last, bytes }
}

/** True where `held` has all of `parts`. */
export function covers(held: ByteRange, parts: readonly ByteRange[]): boolean {
  return parts.every((part) => part.first >= held.first && part.last <= held.last)
}

/** A `Content-Range` value for `part` of `length` bytes. */
export function contentRange(part: ByteRange, length: number): string {
  return `bytes ${part.first}-${part.last}/${length}`
}

/** Head of one part of a multipart/byteranges body (RFC 9110 section 14.6). */
export function partHead(
  boundary: string,
  part: ByteRange,
  { length, contentType }: { readonly length: number; readonly contentType: string | undefined },
): string {
  const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`
  return `\r\n--${boundary}\r\n${type}Content-Range: ${contentRange(part, length)}\r\n\r\n`
}

/** End of a multipart/byteranges body. */
export function partsEnd(boundary: string): string {
  return `\r\n--${boundary}--\r\n`
}
