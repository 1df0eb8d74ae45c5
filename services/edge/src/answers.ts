import { STATUS_CODES } from 'node:http'
import type { BodyStream, PreparedResponse, Request, Response } from '@spate/http/exchange'
import { problem } from '@spate/http/problem'
import type { Fault } from '@spate/runtime/fault'
import { appendStatus, cacheStatus, type CacheStatus } from './domain/cache-status.ts'
import { fieldValue, withoutFields, type FieldList } from './domain/fields.ts'
import { contentRange, partHead, partsEnd, resolveRange, type ByteRange } from './domain/ranges.ts'
import { ifRangeHolds, notModified, notModifiedFields } from './domain/validation.ts'
import { flags } from './request-view.ts'
import type { StoredResponse } from './store/stored-response.ts'

/** What the handler gives back. */
export type Answer = Response | PreparedResponse

/** `http.route` of everything the cache answers. */
export const edgeRoute = '/{path...}'

/** How an answer from the store came about, for Cache-Status. */
export type Told = Omit<CacheStatus, 'key' | 'ttl'>

/** An answer from a stored response: 304, 206, 416 or the whole, as the request's conditions say. */
export function storedAnswer(
  stored: StoredResponse,
  request: Request,
  { bits, nowMs, told }: { readonly bits: number; readonly nowMs: number; readonly told: Told },
): Answer {
  const plain = bits === 0 && told.hit && told.detail === undefined && request.method === 'GET'
  if (plain && !stored.source) return preparedHit(stored, nowMs)
  const fields = (bits & flags.peer) === 0 ? stored.clientFields() : stored.peerFields()
  fields.push('age', String(stored.ageSeconds(nowMs)))
  fields.push('cache-status', statusOf(stored, told, nowMs))
  const conditional = (bits & flags.conditional) !== 0 && stored.status === 200
  if (conditional && notModified(request.headers, stored.headers, stored.timing.responseTimeMs))
    return { status: 304, headers: notModifiedFields(fields), route: edgeRoute }
  if ((bits & flags.range) !== 0 && request.method === 'GET' && rangeable(stored)) {
    const part = rangeAnswer(stored, request, fields)
    if (part) return part
  }
  fields.push('content-length', String(stored.length))
  const answer = { status: stored.status, headers: fields, route: edgeRoute }
  if (request.method === 'HEAD') return answer
  return { ...answer, body: bytesOf(stored, { first: 0, last: stored.length - 1 }) }
}

/** Bytes of the stored body, from memory or piece by piece from disk. */
function bytesOf(stored: StoredResponse, { first, last }: ByteRange): Uint8Array | BodyStream {
  return stored.source?.stream(first, last) ?? stored.body.subarray(first, last + 1)
}

function rangeable(stored: StoredResponse): boolean {
  return stored.status === 200 || stored.partial !== undefined
}

function statusOf(stored: StoredResponse, told: Told, nowMs: number): string {
  const own = cacheStatus({ ...told, ttl: stored.ttlSeconds(nowMs), key: stored.key })
  return appendStatus(fieldValue(stored.headers, 'cache-status'), own)
}

/** The bytes of a plain hit from memory. Answered in the same turn; nothing is made but once a second. */
function preparedHit(stored: StoredResponse, nowMs: number): PreparedResponse {
  const { status } = stored
  return {
    status,
    head: stored.head(nowMs, STATUS_CODES[status] ?? 'Unknown'),
    body: stored.body,
    dated: true,
    route: edgeRoute,
    response: () => {
      const headers = stored.clientFields()
      headers.push('age', String(stored.ageSeconds(nowMs)))
      headers.push('cache-status', statusOf(stored, { hit: true }, nowMs))
      return { status, headers, body: stored.body, route: edgeRoute }
    },
  }
}

/** 206 or 416 for a Range; undefined where the whole is to be sent (RFC 9110 sections 14.2 and 15.3.7). */
function rangeAnswer(
  stored: StoredResponse,
  request: Request,
  fields: string[],
): Response | undefined {
  const { headers } = request
  if (!ifRangeHolds(headers.get('if-range'), stored.headers, stored.timing.responseTimeMs))
    return undefined
  const complete = stored.partial?.complete ?? stored.length
  const wish = resolveRange(headers.get('range'), complete)
  if (wish.kind === 'whole') return undefined
  const plain = withoutFields(fields, rangeFields)
  if (wish.kind === 'unsatisfiable') {
    plain.push('content-range', `bytes */${complete}`)
    return { status: 416, headers: plain, route: edgeRoute }
  }
  const offset = stored.partial?.first ?? 0
  const slice = (part: ByteRange): Uint8Array | BodyStream =>
    bytesOf(stored, { first: part.first - offset, last: part.last - offset })
  if (wish.parts.length === 1) {
    const part = wish.parts[0] as ByteRange
    plain.push('content-range', contentRange(part, complete))
    if (stored.source) plain.push('content-length', String(part.last - part.first + 1))
    const type = fieldValue(fields, 'content-type')
    if (type !== undefined) plain.push('content-type', type)
    return { status: 206, headers: plain, body: slice(part), route: edgeRoute }
  }
  return multipart(wish.parts, { plain, complete, slice, type: fieldValue(fields, 'content-type') })
}

const rangeFields: ReadonlySet<string> = new Set(['content-range', 'content-type'])

function multipart(
  parts: readonly ByteRange[],
  made: {
    readonly plain: string[]
    readonly complete: number
    readonly slice: (part: ByteRange) => Uint8Array | BodyStream
    readonly type: string | undefined
  },
): Response {
  const { plain, complete, slice } = made
  const first = parts.map((part) => `${part.first}-${part.last}`).join('_')
  const boundary = `spate_${complete}_${first}`.slice(0, 70)
  const { type: contentType } = made
  const pieces: (Uint8Array | BodyStream)[] = []
  let length = 0
  for (const part of parts) {
    const head = Buffer.from(partHead(boundary, part, { length: complete, contentType }))
    length += head.length + part.last - part.first + 1
    pieces.push(head, slice(part))
  }
  const end = Buffer.from(partsEnd(boundary))
  pieces.push(end)
  plain.push('content-type', `multipart/byteranges; boundary=${boundary}`)
  const held = pieces.filter((piece) => piece instanceof Uint8Array)
  if (held.length === pieces.length)
    return { status: 206, headers: plain, body: Buffer.concat(held), route: edgeRoute }
  plain.push('content-length', String(length + end.length))
  return { status: 206, headers: plain, body: oneAfterTheOther(pieces), route: edgeRoute }
}

async function* oneAfterTheOther(
  pieces: readonly (Uint8Array | BodyStream)[],
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece
    else yield* piece
  }
}

const forwardedOnly: ReadonlySet<string> = new Set([
  'cache-status',
  'cache-tag',
  'spate-cache-control',
  'surrogate-key',
])

const ownStatus: ReadonlySet<string> = new Set(['cache-status'])

/** Fields of an answer that was fetched, with this cache's Cache-Status; a peer has those for caches too. */
export function fetchedFields(headers: FieldList, status: CacheStatus, forPeer = false): string[] {
  const fields = withoutFields(headers, forPeer ? ownStatus : forwardedOnly)
  fields.push(
    'cache-status',
    appendStatus(fieldValue(headers, 'cache-status'), cacheStatus(status)),
  )
  return fields
}

/** A problem of this node's own making, with Cache-Status. */
export function refusal(fault: Fault, request: Request, status: CacheStatus): Response {
  const answer = problem(fault, request, {
    headers: ['cache-status', cacheStatus(status), 'via', '1.1 spate'],
  })
  return { ...answer, route: edgeRoute }
}
