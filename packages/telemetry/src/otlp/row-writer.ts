import { SpanStatusCode } from '@opentelemetry/api'
import type { AttributeGate, PlainAttributes } from '../attributes.ts'
import type { RowSink } from '../departures.ts'
import type { LocalTrace } from '../local-trace.ts'
import { recordOf } from '../row-record.ts'
import { column, placeOf, type SpanPage, type SpanScopeName } from '../span-rows.ts'
import type { SpanShape } from '../span-shape.ts'
import { encodeSpan } from './encode-traces.ts'
import { writeResource, writeScope } from './encode-values.ts'
import { KnownBytes, type KnownKey } from './known-bytes.ts'
import { highOfNanos, ProtoWriter, splitNanos } from './proto-writer.ts'

/**
 * Writes spans of kept traces to OTLP straight from their rows, one at a time as they leave, so that
 * a flush has nothing left to encode. What repeats (resource, scope, shapes, names, attribute keys,
 * common values) is encoded once and copied. Spans with events, links or many attributes go through
 * `encodeSpan`.
 */

/** Bytes after which spans of a scope begin a new message. */
export const chunkBytesMax: number = 512 * 1024
const scratch = new ProtoWriter()

/** Bits of a span's flags that say whether its parent is remote (trace.proto). */
const knowsRemote = 0x100
const isRemote = 0x200

interface Chunk {
  readonly scope: SpanScopeName
  readonly header: Uint8Array
  bytes: Uint8Array
  view: DataView
  length: number
  count: number
}

/** A message, or a part of one, that holds `count` spans. */
export interface SpanBytes {
  readonly parts: readonly Uint8Array[]
  readonly length: number
  readonly count: number
}

/** Writes the spans of one program. */
export class RowWriter {
  readonly #gate: AttributeGate
  readonly #resource: Uint8Array
  readonly #chunks = new Map<SpanScopeName, Chunk>()
  readonly #known: KnownBytes
  readonly #full: SpanBytes[] = []
  readonly #grew: (spans: number) => void
  #chunk: Chunk | undefined = undefined
  #bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(this.#bytes.buffer)
  #at = 0
  #stateText = ''
  #state: Uint8Array = new Uint8Array(0)

  /** `grew`: told of each span that was written. */
  constructor(resource: PlainAttributes, gate: AttributeGate, grew: (spans: number) => void) {
    this.#gate = gate
    this.#known = new KnownBytes(gate)
    this.#grew = grew
    writeResource(scratch, resource)
    this.#resource = scratch.finish()
  }

  /** Takes one span. */
  readonly sink: RowSink = (local, row) => {
    const page = local.recorder.rows.page(row)
    const at = placeOf(row)
    const scope = page.ref(at, column.scope) as SpanScopeName
    const chunk = this.#chunk?.scope === scope ? this.#chunk : this.#open(scope)
    this.#bytes = chunk.bytes
    this.#view = chunk.view
    this.#at = chunk.length
    if (page.extra(at)) this.#raw(encodeSpan(recordOf(local, row)))
    else this.#span(local, page, at)
    chunk.bytes = this.#bytes
    chunk.view = this.#view
    chunk.length = this.#at
    chunk.count++
    if (chunk.length > chunkBytesMax) this.#full.push(this.#close(chunk, true))
    this.#grew(1)
  }

  /** What was written since the last call; the bytes hold until the next span is taken. */
  take(): readonly SpanBytes[] {
    const messages = this.#full.splice(0)
    for (const chunk of this.#chunks.values())
      if (chunk.count > 0) messages.push(this.#close(chunk, false))
    return messages
  }

  #open(scope: SpanScopeName): Chunk {
    let chunk = this.#chunks.get(scope)
    if (!chunk) {
      writeScope(scratch, scope)
      const header = scratch.finish()
      const bytes = new Uint8Array(16 * 1024)
      chunk = { scope, header, bytes, view: new DataView(bytes.buffer), length: 0, count: 0 }
      this.#chunks.set(scope, chunk)
    }
    this.#chunk = chunk
    return chunk
  }

  /** ResourceSpans of what `chunk` holds: its length is known only now. */
  #close(chunk: Chunk, copied: boolean): SpanBytes {
    const { header, bytes, length, count } = chunk
    const inner = header.length + length
    const scopeHead = fieldHead(0x12, inner)
    const resourceHead = fieldHead(0x0a, this.#resource.length + scopeHead.length + inner)
    const body = copied ? bytes.slice(0, length) : bytes.subarray(0, length)
    const parts = [resourceHead, this.#resource, scopeHead, header, body]
    chunk.length = chunk.count = 0
    return { parts, length: parts.reduce((sum, part) => sum + part.length, 0), count }
  }

  #span(local: LocalTrace, page: SpanPage, at: number): void {
    this.#room(256)
    const mark = this.#at
    this.#bytes[mark] = 0x12
    const shape = page.ref(at, column.shape) as SpanShape | undefined
    const count = page.count(at)
    // A guess at the bytes of the length; a wrong one moves the span by a byte.
    const guess = shape || count > 1 ? 2 : 1
    this.#at += 1 + guess
    this.#ids(local, page, at)
    if (shape) this.#raw(this.#known.shape(shape))
    else this.#name(page.ref(at, column.name) as string, page.kind(at))
    this.#nanos(0x39, page.time(at, column.start))
    this.#nanos(0x41, page.time(at, column.end))
    const place = page.ref(at, column.place) as SpanShape | undefined
    if (place) this.#raw(this.#known.shape(place))
    let dropped = 0
    for (let index = 0; index < count; index++) {
      const key = page.ref(at, column.attributes + 2 * index) as string
      if (!this.#attribute(key, page.ref(at, column.attributes + 2 * index + 1))) dropped++
    }
    this.#room(32)
    const bytes = this.#bytes
    if (dropped > 0) {
      this.#gate.refused += dropped
      bytes[this.#at++] = 0x50
      bytes[this.#at++] = dropped
    }
    const status = page.status(at)
    if (status !== SpanStatusCode.UNSET) {
      bytes[this.#at++] = 0x7a
      bytes[this.#at++] = 2
      bytes[this.#at++] = 0x18
      bytes[this.#at++] = status
    }
    const flags = local.keptFlags | knowsRemote | (page.remoteParent(at) ? isRemote : 0)
    this.#view.setUint16(this.#at, 0x8501)
    this.#view.setUint32(this.#at + 2, flags, true)
    this.#at += 6
    this.#seal(mark, guess)
  }

  #ids(local: LocalTrace, page: SpanPage, at: number): void {
    const view = this.#view
    const { a, b, c, d } = local.start
    const to = this.#at
    view.setUint16(to, 0x0a10)
    view.setUint32(to + 2, a)
    view.setUint32(to + 6, b)
    view.setUint32(to + 10, c)
    view.setUint32(to + 14, d)
    view.setUint16(to + 18, 0x1208)
    view.setUint32(to + 20, page.word(at, column.idHigh))
    view.setUint32(to + 24, page.word(at, column.idLow))
    this.#at = to + 28
    const parentHigh = page.word(at, column.parentHigh)
    const parentLow = page.word(at, column.parentLow)
    if (parentHigh !== 0 || parentLow !== 0) {
      view.setUint16(to + 28, 0x2208)
      view.setUint32(to + 30, parentHigh)
      view.setUint32(to + 34, parentLow)
      this.#at = to + 38
    }
    if (local.keptState === '') return
    if (local.keptState !== this.#stateText) {
      this.#stateText = local.keptState
      scratch.string(3, local.keptState)
      this.#state = scratch.finish()
    }
    this.#raw(this.#state)
  }

  #name(name: string, kind: number): void {
    this.#raw(this.#known.name(name))
    this.#bytes[this.#at++] = 0x30
    this.#bytes[this.#at++] = kind + 1
  }

  /** Writes one attribute; false where it may not leave. */
  #attribute(key: string, value: unknown): boolean {
    const known = this.#known.key(key)
    if (!known.allowed) return false
    if (typeof value === 'string') {
      const bytes = this.#known.value(known, key, value)
      if (bytes) this.#raw(bytes)
      else this.#text(known, this.#gate.clean(key, value) as string)
      return true
    }
    if (typeof value === 'number' && (value & 0x7fff_ffff) === value) {
      this.#natural(known.head, value)
      return true
    }
    if (typeof value === 'boolean') {
      this.#raw(this.#known.flag(known, key, value))
      return true
    }
    const cleaned = this.#gate.clean(key, value)
    if (cleaned === undefined) return false
    this.#raw(this.#known.attribute(key, cleaned))
    return true
  }

  /** A whole number from 0 to 2^31 - 1. */
  #natural(head: Uint8Array, value: number): void {
    const digits =
      value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
    this.#keyed(head, 1 + digits)
    const bytes = this.#bytes
    bytes[this.#at++] = 0x18
    let rest = value
    while (rest > 0x7f) {
      bytes[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    bytes[this.#at++] = rest
  }

  /** A text that is most likely ASCII. */
  #text({ head }: KnownKey, text: string): void {
    const { length } = text
    if (length > 96) return this.#longText(head, text)
    const before = this.#at
    this.#keyed(head, 2 + length)
    const bytes = this.#bytes
    let to = this.#at
    bytes[to++] = 0x0a
    bytes[to++] = length
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code > 127) {
        this.#at = before
        return this.#longText(head, text)
      }
      bytes[to++] = code
    }
    this.#at = to
  }

  #longText(head: Uint8Array, text: string): void {
    scratch.stringPresent(1, text)
    const value = scratch.finish()
    this.#keyed(head, value.length)
    this.#raw(value)
  }

  /** Begins an attribute with `head` and a value of `length` bytes. */
  #keyed(head: Uint8Array, length: number): void {
    this.#room(head.length + length + 16)
    const valueHead = sizeOf(length)
    this.#bytes[this.#at++] = 0x4a
    this.#size(head.length + 1 + valueHead + length)
    this.#raw(head)
    this.#bytes[this.#at++] = 0x12
    this.#size(length)
  }

  #size(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.#at++] = rest
  }

  #nanos(tag: number, ms: number): void {
    const low = splitNanos(ms)
    const view = this.#view
    const to = this.#at
    view.setUint8(to, tag)
    view.setUint32(to + 1, low, true)
    view.setUint32(to + 5, highOfNanos(), true)
    this.#at = to + 9
  }

  /** Writes the length of the span that began at `mark`, for which `guess` bytes were left. */
  #seal(mark: number, guess: number): void {
    const length = this.#at - mark - 1 - guess
    const size = sizeOf(length)
    if (size !== guess) {
      this.#room(4)
      this.#bytes.copyWithin(mark + 1 + size, mark + 1 + guess, this.#at)
    }
    this.#at = mark + 1
    this.#size(length)
    this.#at += length
  }

  #raw(value: Uint8Array): void {
    const { length } = value
    this.#room(length + 64)
    // Measured: below 16 bytes a loop is faster than the call.
    if (length > 16) this.#bytes.set(value, this.#at)
    else {
      const bytes = this.#bytes
      const to = this.#at
      for (let at = 0; at < length; at++) bytes[to + at] = value[at] as number
    }
    this.#at += length
  }

  #room(length: number): void {
    if (this.#at + length <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + length))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

function sizeOf(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4
}

function fieldHead(tag: number, length: number): Uint8Array {
  const head = new Uint8Array(1 + sizeOf(length))
  head[0] = tag
  let rest = length
  for (let at = 1; at < head.length; at++) {
    head[at] = (rest & 0x7f) | (at + 1 < head.length ? 0x80 : 0)
    rest >>>= 7
  }
  return head
}
