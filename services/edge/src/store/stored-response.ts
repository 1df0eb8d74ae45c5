import { appendStatus, cacheName, keyParameter } from '../domain/cache-status.ts'
import { fieldValue, withoutFields, type FieldList } from '../domain/fields.ts'
import { currentAgeMs, type Timing } from '../domain/freshness.ts'
import type { ContentRange } from '../domain/ranges.ts'
import type { Selector } from '../domain/vary.ts'

/** A body that lies elsewhere than in memory and is read piece by piece. */
export interface BodySource {
  /** Bytes in all. */
  readonly length: number
  /** Bytes `first` to `last`, both included; what was damaged throws instead of coming out. */
  stream(first: number, last: number): AsyncIterable<Uint8Array>
}

/** Where the disk tier keeps a response; only that tier looks inside. */
export interface DiskPlace {
  /** False once it is purged, replaced or made room for. */
  readonly live: boolean
}

/** What a stored response is made of. */
export interface StoredParts {
  readonly key: string
  readonly host: string
  readonly status: number
  /** End-to-end fields, lower case, without `age`; `date` is always there. */
  readonly headers: FieldList
  readonly selector: Selector
  readonly timing: Timing
  readonly tags: readonly string[]
  /** Empty where `source` has it. */
  readonly body: Uint8Array
  readonly source?: BodySource | undefined
  /** Which bytes `body` holds; undefined where it is whole. */
  readonly partial: ContentRange | undefined
}

/** Fields of the origin that are for caches, not for clients. */
const cacheOnlyFields: ReadonlySet<string> = new Set([
  'age',
  'cache-status',
  'cache-tag',
  'content-length',
  'spate-cache-control',
  'surrogate-key',
])

/** Fields that each hop says anew. */
const hopFields: ReadonlySet<string> = new Set(['age', 'cache-status', 'content-length'])

/** Bytes one stored response costs beside key, fields and body: objects, index and list links. */
export const entryOverheadBytes = 1200

/** One response in the memory tier: what the origin said, and the bytes of a hit made from it. A large one has its body on disk. */
export class StoredResponse {
  readonly key: string
  readonly host: string
  readonly status: number
  readonly selector: Selector
  readonly tags: readonly string[]
  readonly body: Uint8Array
  /** Where the body is read from; undefined where `body` is it. */
  readonly source: BodySource | undefined
  /** Bytes of the body, wherever it lies. */
  readonly length: number
  readonly partial: ContentRange | undefined
  /** Its copy on disk; undefined where there is none. */
  place: DiskPlace | undefined
  headers: FieldList
  timing: Timing
  /** True while a background validation of it runs. */
  validating = false
  /** What the memory tier charges for it, bytes; 0 or less while it is not there. Only that tier touches this and the marks of its eviction list. */
  charged = 0
  visited = false
  newer: StoredResponse | undefined
  older: StoredResponse | undefined
  #staticHead: string | undefined
  #head: Buffer | undefined
  #headAge = -1

  constructor(parts: StoredParts) {
    this.key = parts.key
    this.host = parts.host
    this.status = parts.status
    this.headers = parts.headers
    this.selector = parts.selector
    this.timing = parts.timing
    this.tags = parts.tags
    this.body = parts.body
    this.source = parts.source
    this.length = parts.source?.length ?? parts.body.length
    this.partial = parts.partial
  }

  /** True while the memory tier has it. */
  get live(): boolean {
    return this.charged > 0
  }

  /** The same response with other bytes: parts put together; whole where `partial` is undefined. */
  with(body: Uint8Array, partial: ContentRange | undefined): StoredResponse {
    const headers = withoutFields(this.headers, new Set(['content-range', 'content-length']))
    const status = partial ? this.status : 200
    const { key, host, selector, timing, tags } = this
    return new StoredResponse({ key, host, status, headers, selector, timing, tags, body, partial })
  }

  /** Bytes it is charged with, overhead included. O(fields). */
  get bytes(): number {
    let text = this.key.length
    for (const part of this.headers) text += part.length + 4
    // Fields are held as text and, once hit, as bytes.
    return this.body.length + 2 * text + entryOverheadBytes
  }

  /** Puts newer fields and timing in place: after a 304, a HEAD, a soft purge. */
  refresh(headers: FieldList, timing: Timing): void {
    this.headers = headers
    this.timing = timing
    this.#staticHead = undefined
    this.#headAge = -1
  }

  /** Age in whole seconds. */
  ageSeconds(nowMs: number): number {
    return Math.floor(currentAgeMs(this.timing, nowMs) / 1000)
  }

  /** Seconds of freshness left; negative once stale. */
  ttlSeconds(nowMs: number): number {
    const lifetimeMs =
      this.timing.freshUntilMs - this.timing.responseTimeMs + this.timing.initialAgeMs
    return Math.floor(lifetimeMs / 1000) - this.ageSeconds(nowMs)
  }

  /** Fields for a client, without Age, Cache-Status and Content-Length. */
  clientFields(): string[] {
    return withoutFields(this.headers, cacheOnlyFields)
  }

  /** Fields for another node, which needs those that are for caches. */
  peerFields(): string[] {
    return withoutFields(this.headers, hopFields)
  }

  /** Status line and fields of a plain hit as bytes; made at most once a second. */
  head(nowMs: number, reason: string): Buffer {
    const age = this.ageSeconds(nowMs)
    if (this.#head && this.#headAge === age) return this.#head
    this.#staticHead ??= this.#writeStaticHead(reason)
    const status = appendStatus(
      fieldValue(this.headers, 'cache-status'),
      `${cacheName}; hit; ttl=${this.ttlSeconds(nowMs)}${keyParameter(this.key)}`,
    )
    this.#head = Buffer.from(
      `${this.#staticHead}age: ${age}\r\ncache-status: ${status}\r\n`,
      'latin1',
    )
    this.#headAge = age
    return this.#head
  }

  #writeStaticHead(reason: string): string {
    let text = `HTTP/1.1 ${this.status} ${reason}\r\n`
    const fields = this.clientFields()
    for (let at = 0; at < fields.length; at += 2) text += `${fields[at]}: ${fields[at + 1]}\r\n`
    return this.status === 204 ? text : `${text}content-length: ${this.length}\r\n`
  }
}
