import assert from 'node:assert/strict'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Writes numbers and texts one after another into memory that grows. Little-endian. */
export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView
  #at = 0

  /** `room`: bytes to begin with. */
  constructor(room = 4096) {
    this.#bytes = new Uint8Array(room)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Bytes written since the last `reset`. */
  get length(): number {
    return this.#at
  }

  /** The bytes from `from` to the end: a view that is valid until the next write. */
  view(from = 0): Uint8Array {
    return this.#bytes.subarray(from, this.#at)
  }

  /** A copy of all bytes. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  /** Forgets what was written; keeps the memory. */
  reset(): void {
    this.#at = 0
  }

  u8(value: number): void {
    this.#need(1)
    this.#bytes[this.#at++] = value
  }

  u16(value: number): void {
    this.#need(2)
    this.#view.setUint16(this.#at, value, true)
    this.#at += 2
  }

  u32(value: number): void {
    this.#need(4)
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }

  /** A whole number in [-2^53, 2^53], 8 bytes. */
  f64(value: number): void {
    this.#need(8)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }

  /** A whole number in [0, 2^48): times. */
  u48(value: number): void {
    this.#need(6)
    this.#view.setUint32(this.#at, value % 4_294_967_296, true)
    this.#view.setUint16(this.#at + 4, Math.floor(value / 4_294_967_296), true)
    this.#at += 6
  }

  /** A text of at most 65,535 UTF-8 bytes, behind its length. */
  text(value: string): void {
    const length = value.length
    this.#need(2 + length * 3)
    const start = this.#at + 2
    const bytes = this.#bytes
    let at = 0
    for (; at < length; at++) {
      const code = value.charCodeAt(at)
      if (code >= 0x80) break
      bytes[start + at] = code
    }
    if (at < length) at += encoder.encodeInto(value.slice(at), bytes.subarray(start + at)).written
    assert(at <= 0xffff, 'a text in the log is too long')
    this.#view.setUint16(this.#at, at, true)
    this.#at = start + at
  }

  /** `value` as it is, without its length. */
  raw(value: Uint8Array): void {
    this.#need(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }

  #need(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    let room = this.#bytes.length * 2
    while (room < this.#at + count) room *= 2
    const next = new Uint8Array(room)
    next.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = next
    this.#view = new DataView(next.buffer)
  }
}

/** Reads back what a `ByteWriter` wrote. Throws `RangeError` past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  /** Bytes read. */
  get at(): number {
    return this.#at
  }

  u8(): number {
    return this.#view.getUint8(this.#at++)
  }

  u16(): number {
    const value = this.#view.getUint16(this.#at, true)
    this.#at += 2
    return value
  }

  u32(): number {
    const value = this.#view.getUint32(this.#at, true)
    this.#at += 4
    return value
  }

  f64(): number {
    const value = this.#view.getFloat64(this.#at, true)
    this.#at += 8
    return value
  }

  u48(): number {
    const low = this.#view.getUint32(this.#at, true)
    const high = this.#view.getUint16(this.#at + 4, true)
    this.#at += 6
    return high * 4_294_967_296 + low
  }

  text(): string {
    const length = this.u16()
    return shortText(this.raw(length))
  }

  raw(length: number): Uint8Array {
    if (length > this.left) throw new RangeError('the bytes end too early')
    const value = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return value
  }
}

/** Short ASCII is built here: a call of the decoder costs more than the text. */
function shortText(bytes: Uint8Array): string {
  if (bytes.length > 48) return decoder.decode(bytes)
  let text = ''
  for (const code of bytes) {
    if (code >= 0x80) return decoder.decode(bytes)
    text += String.fromCharCode(code)
  }
  return text
}
