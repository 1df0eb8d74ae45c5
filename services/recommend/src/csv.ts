/**
 * Reads delimited text as it really comes: RFC 4180 quotes, CRLF or LF, a byte order mark, commas,
 * semicolons, tabs or `::` between fields, UTF-8 with Latin-1 where it is not, UTF-16 by its mark or
 * its zeros, gzip by content.
 * Streams: memory is bounded by the longest row, whatever the file.
 */
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { pipeline, PassThrough } from 'node:stream'
import { Fault } from '@spate/runtime/fault'

/** One row, or why a row could not be read. */
export type CsvRow =
  | { readonly kind: 'row'; readonly line: number; readonly fields: readonly string[] }
  | { readonly kind: 'broken'; readonly line: number; readonly why: string }

/** Longest row, characters; a quote that is never closed ends here. */
export const rowCharactersMax: number = 64 * 1024

/** Rows of the file at `path` (`.gz` or not); the first is the header. */
export async function* readCsvFile(path: string): AsyncGenerator<CsvRow> {
  yield* readCsv(openBytes(path))
}

/** Bytes of a file, unpacked where they begin like gzip. */
export async function* openBytes(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: 256 * 1024 })
  const source = file[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const first = await source.next()
  if (first.done) return
  const packed = first.value[0] === 0x1f && first.value[1] === 0x8b
  const rest = async function* (): AsyncGenerator<Buffer> {
    yield first.value
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value
  }
  if (!packed) {
    yield* rest()
    return
  }
  const out = new PassThrough({ highWaterMark: 256 * 1024 })
  // The error of any part reaches the reader through `out`.
  pipeline(rest, createGunzip(), out, () => {})
  try {
    for await (const chunk of out) yield chunk as Buffer
  } catch (caught) {
    throw new Fault('invalid_request', 'the gzip data are damaged or cut short', { cause: caught })
  }
}

/** Rows of a stream of bytes. The separator is the one the first line has most of. */
export async function* readCsv(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<CsvRow> {
  const splitter = new RowSplitter()
  let decode: Decode | undefined
  let head: Uint8Array = new Uint8Array(0)
  for await (const chunk of chunks) {
    const bytes: Uint8Array = decode ? chunk : Buffer.concat([head, chunk])
    head = bytes
    // A few bytes do not tell the encoding yet.
    if (!decode && bytes.length < sniffedBytes) continue
    decode ??= decoderFor(bytes)
    yield* splitter.push(decode(bytes, false))
  }
  if (!decode) {
    decode = decoderFor(head)
    yield* splitter.push(decode(head, false))
  }
  yield* splitter.push(decode(undefined, true))
  yield* splitter.end()
}

type Decode = (chunk: Uint8Array | undefined, last: boolean) => string

/** Bytes the encoding is told by. */
const sniffedBytes = 64

/**
 * The decoder for a text that begins with `head`: UTF-16 where it has the mark, or a zero in most
 * of its even or odd places as Latin letters have; else UTF-8 and what it falls back to.
 */
function decoderFor(head: Uint8Array): Decode {
  const utf16 = (label: string): Decode => {
    const decoder = new TextDecoder(label)
    return (chunk, last) => decoder.decode(chunk, { stream: !last })
  }
  if (head[0] === 0xff && head[1] === 0xfe) return utf16('utf-16le')
  if (head[0] === 0xfe && head[1] === 0xff) return utf16('utf-16be')
  const zeros = [0, 0]
  const seen = head.subarray(0, sniffedBytes)
  seen.forEach((byte, at) => {
    if (byte === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1
  })
  const most = seen.length / 4
  if ((zeros[1] ?? 0) > most) return utf16('utf-16le')
  if ((zeros[0] ?? 0) > most) return utf16('utf-16be')
  return createDecoder()
}

/** UTF-8 while it is; from the first byte that cannot be UTF-8 on, Latin-1. */
function createDecoder(): Decode {
  let utf8: TextDecoder | undefined = new TextDecoder('utf-8', { fatal: true })
  let tail: Uint8Array = new Uint8Array(0)
  const latin = new TextDecoder('windows-1252')
  return (chunk, last) => {
    const bytes: Uint8Array = chunk ?? new Uint8Array(0)
    if (!utf8) return latin.decode(bytes, { stream: !last })
    try {
      const text = utf8.decode(bytes, { stream: !last })
      tail = bytes.slice(Math.max(0, bytes.length - 3))
      return text
    } catch {
      // The bytes the decoder still held back are the unfinished end of the chunk before.
      const held = unfinished(tail)
      utf8 = undefined
      return latin.decode(Buffer.concat([held, bytes]), { stream: !last })
    }
  }
}

/** The bytes at the end that begin a UTF-8 sequence and do not finish it. */
function unfinished(tail: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(3, tail.length); back++) {
    const byte = tail[tail.length - back] as number
    if (byte < 0x80) return new Uint8Array(0)
    if (byte >= 0xc0) {
      const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return needs > back ? tail.slice(tail.length - back) : new Uint8Array(0)
    }
  }
  return new Uint8Array(0)
}

const separators = ['::', '\t', ';', ',', '|'] as const

/** Cuts text into rows. */
class RowSplitter {
  #rest = ''
  #line = 1
  #separator: string | undefined
  #width: number | undefined;

  *push(text: string): Generator<CsvRow> {
    this.#rest += text
    let from = 0
    for (;;) {
      const end = this.#rowEnd(from)
      if (end < 0) break
      if (end - from > rowCharactersMax) yield this.#tooLong(this.#rest.slice(from, end + 1))
      else yield* this.#row(this.#rest.slice(from, end))
      from = end + 1
    }
    this.#rest = this.#rest.slice(from)
    if (this.#rest.length <= rowCharactersMax) return
    // A quote that is never closed would swallow the file: give up on its first line only.
    const newline = this.#rest.indexOf('\n')
    const cut = newline < 0 ? this.#rest.length : newline + 1
    const given = this.#rest.slice(0, cut)
    this.#rest = this.#rest.slice(cut)
    yield this.#tooLong(given)
  }

  #tooLong(text: string): CsvRow {
    const line = this.#line
    this.#line += countNewlines(text)
    return { kind: 'broken', line, why: 'the row is too long, or a quote is not closed' }
  }

  *end(): Generator<CsvRow> {
    if (this.#rest !== '') yield* this.#row(this.#rest)
    this.#rest = ''
  }

  /** Index of the newline that ends the row at `from`; -1 where it is not here yet. */
  #rowEnd(from: number): number {
    const end = this.#rest.indexOf('\n', from)
    const quote = this.#rest.indexOf('"', from)
    if (end < 0 || quote < 0 || quote > end) return end
    let open = false
    for (let at = from; at < this.#rest.length; at++) {
      const unit = this.#rest.charCodeAt(at)
      if (unit === 0x22) open = !open
      else if (unit === 0x0a && !open) return at
      if (at - from > rowCharactersMax) break
    }
    return -1
  }

  *#row(raw: string): Generator<CsvRow> {
    const line = this.#line
    this.#line += 1 + countNewlines(raw)
    let text = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    if (line === 1 && text.charCodeAt(0) === 0xfeff) text = text.slice(1)
    if (text.trim() === '') return
    this.#separator ??= mostFrequent(text)
    const fields = fieldsOf(text, this.#separator)
    if (!fields) {
      yield { kind: 'broken', line, why: 'text after a closing quote' }
      return
    }
    this.#width ??= fields.length
    if (fields.length !== this.#width)
      yield { kind: 'broken', line, why: `${fields.length} fields, expected ${this.#width}` }
    else yield { kind: 'row', line, fields }
  }
}

function countNewlines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}

function mostFrequent(header: string): string {
  let best: string = ','
  let most = 0
  for (const separator of separators) {
    const count = header.split(separator).length - 1
    if (count > most) {
      best = separator
      most = count
    }
  }
  return best
}

/** Fields of a row; undefined where quotes are misused. */
function fieldsOf(text: string, separator: string): string[] | undefined {
  if (!text.includes('"')) return text.split(separator)
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (text[at] === '"') {
      let value = ''
      let from = at + 1
      for (;;) {
        const quote = text.indexOf('"', from)
        if (quote < 0) return undefined
        value += text.slice(from, quote)
        at = quote + 1
        if (text[at] !== '"') break
        value += '"'
        from = at + 1
      }
      fields.push(value)
      if (at === text.length) return fields
      if (!text.startsWith(separator, at)) return undefined
      at += separator.length
      continue
    }
    const next = text.indexOf(separator, at)
    if (next < 0) {
      fields.push(text.slice(at))
      return fields
    }
    fields.push(text.slice(at, next))
    at = next + separator.length
  }
}
