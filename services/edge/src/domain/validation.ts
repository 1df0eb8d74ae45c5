import {
  fieldLines,
  fieldValue,
  listMembers,
  withoutFields,
  type FieldList,
  type FieldSource,
} from './fields.ts'
import { dateOf } from './freshness.ts'
import { parseHttpDate } from './http-date.ts'

/** True where two entity tags are the same by weak comparison (RFC 9110 section 8.8.3.2). */
export function weaklyEqual(one: string, other: string): boolean {
  return one.replace(/^W\//, '') === other.replace(/^W\//, '')
}

/** True where both are strong and the same (RFC 9110 section 8.8.3.2). */
export function stronglyEqual(one: string, other: string): boolean {
  return one === other && one.startsWith('"')
}

/** True where the stored response can be validated with the origin at all. */
export function hasValidator(headers: FieldList): boolean {
  return (
    fieldValue(headers, 'etag') !== undefined || fieldValue(headers, 'last-modified') !== undefined
  )
}

/** Conditions to send with a validating request: the stored validators (RFC 9111 section 4.3.1). */
export function validators(headers: FieldList): string[] {
  const conditions: string[] = []
  const etag = fieldLines(headers, 'etag')[0]
  const modified = fieldLines(headers, 'last-modified')[0]
  if (etag !== undefined) conditions.push('if-none-match', etag)
  if (modified !== undefined) conditions.push('if-modified-since', modified)
  return conditions
}

/**
 * True where the client already has what is stored, so that 304 is the answer (RFC 9111 section
 * 4.3.2, RFC 9110 section 13.2.2). If-None-Match goes before If-Modified-Since; without
 * Last-Modified the stored Date stands in.
 */
export function notModified(
  request: FieldSource,
  headers: FieldList,
  responseTimeMs: number,
): boolean {
  const noneMatch = request.get('if-none-match')
  if (noneMatch !== undefined) {
    const etag = fieldLines(headers, 'etag')[0]
    if (noneMatch.trim() === '*') return true
    return etag !== undefined && listMembers(noneMatch).some((tag) => weaklyEqual(tag, etag))
  }
  const since = parseHttpDate(request.get('if-modified-since'), responseTimeMs)
  if (since === undefined) return false
  const modified =
    parseHttpDate(fieldLines(headers, 'last-modified')[0], responseTimeMs) ??
    dateOf(headers, responseTimeMs)
  return modified <= since
}

/**
 * True where `If-Range` lets the range be served from what is stored (RFC 9110 section 13.1.5): the
 * same strong tag, or exactly the stored Last-Modified where that is strong (a minute older than Date).
 */
export function ifRangeHolds(
  value: string | undefined,
  headers: FieldList,
  responseTimeMs: number,
): boolean {
  if (value === undefined) return true
  const etag = fieldLines(headers, 'etag')[0]
  if (value.startsWith('"') || value.startsWith('W/'))
    return etag !== undefined && stronglyEqual(value, etag)
  const modified = parseHttpDate(fieldLines(headers, 'last-modified')[0], responseTimeMs)
  const asked = parseHttpDate(value, responseTimeMs)
  if (modified === undefined || asked !== modified) return false
  return dateOf(headers, responseTimeMs) - modified >= 60_000
}

/** Fields that describe bytes which a 304 does not carry (RFC 9110 section 15.4.5). */
const contentFields: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
  'transfer-encoding',
])

/** Fields of a 304 made from a stored response. */
export function notModifiedFields(headers: FieldList): string[] {
  return withoutFields(headers, contentFields)
}

/** Fields a 304 or a HEAD never changes, as they belong to the stored bytes (RFC 9111 section 3.2). */
const keptFields: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-md5',
  'content-range',
])

/** Stored fields after a validating response: each field it has replaces all lines of that name (RFC 9111 section 3.2). */
export function updatedFields(stored: FieldList, update: FieldList): string[] {
  const incoming = withoutFields(update, keptFields)
  const replaced = new Set<string>()
  for (let at = 0; at < incoming.length; at += 2) replaced.add(incoming[at] as string)
  // A stored Age would be counted twice; the 304 brings its own where a cache answered it.
  replaced.add('age')
  return [...withoutFields(stored, replaced), ...incoming]
}

/**
 * True where a 304 speaks of the stored response (RFC 9111 section 4.3.4): a strong tag in it must
 * be the stored one; a weak tag or date likewise; a 304 without validators speaks of what was asked.
 */
export function identifies(update: FieldList, stored: FieldList): boolean {
  const etag = fieldLines(update, 'etag')[0]
  const storedTag = fieldLines(stored, 'etag')[0]
  if (etag !== undefined && storedTag !== undefined)
    return etag.startsWith('"') ? etag === storedTag : weaklyEqual(etag, storedTag)
  if (etag !== undefined && etag.startsWith('"')) return false
  const modified = fieldLines(update, 'last-modified')[0]
  const storedModified = fieldLines(stored, 'last-modified')[0]
  return modified === undefined || storedModified === undefined || modified === storedModified
}

/**
 * True where a response to HEAD shows that the stored GET response is still the same
 * representation (RFC 9111 section 4.3.5): every validator and the length it gives agree.
 */
export function headAgrees(head: FieldList, stored: FieldList): boolean {
  return ['etag', 'last-modified', 'content-length'].every((name) => {
    const given = fieldLines(head, name)[0]
    return given === undefined || given === fieldLines(stored, name)[0]
  })
}
