/**
 * Writes Protocol Buffers by hand: one growing buffer, no object per message, no reflection.
 * A nested message is written in place behind a guess at its length's size and moved by a byte or
 * two where the guess was wrong, which is rare.
 */

const maxVarint32 = 5
const firstBytes = 16 * 1024

let nanosHigh = 0

/** The high 32 bits of what `splitNanos` split last. */
export function highOfNanos(): number {
  return nanosHigh
}

/**
 * The low 32 bits of `ms` since the epoch as whole ns; ask `highOfNanos` for the others at once.
 * Whole ms times 1e6 leaves the 53 bits of a double, so the ms are split before, not after.
 */
export function splitNanos(ms: number): number {
  const whole = Math.floor(ms)
  const upperMs = Math.floor(whole / 65_536)
  const lowPart = (whole - upperMs * 65_536) * 1e6 + Math.round((ms - whole) * 1e6)
  // ns = middle * 2^16 + lowPart
  const middle = upperMs * 1e6
  const upper = Math.floor(middle / 65_536)
  const rest = (middle - upper * 65_536) * 65_536 + lowPart
  const carry = Math.floor(rest / 4_294_967_296)
  nanosHigh = upper + carry
  return rest - carry * 4_294_967_296
}

/** A buffer that protobuf fields are appended to. Take the bytes with `finish`. */
export class ProtoWriter {
  #buffer: Buffer = Buffer.allocUnsafe(firstBytes)
  #at = 0

  /** Bytes written so far. */
  get length(): number {
    return this.#at
  }

  /** A copy of what was written; the writer is empty again and keeps its memory. */
  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#buffer.subarray(0, this.#at))
    this.#at = 0
    return bytes
  }

  /** Takes back everything written behind `length`. */
  truncate(length: number): void {
    this.#at = length
  }

  /** A field that holds a whole number from 0 to 2^53; left out where it is 0. */
  uint(field: number, value: number): void {
    if (value === 0) return
    this.#room(maxVarint32 + 10)
    this.#varint32(field << 3)
    this.#varint(value)
  }

  /** Like `uint`, but written even where it is 0: a member of a oneof, or an optional field. */
  present(field: number, value: number): void {
    this.#room(maxVarint32 + 10)
    this.#varint32(field << 3)
    this.#varint(value)
  }

  /** A signed whole number as a plain varint (int32, int64): negative ones take ten bytes. */
  int(field: number, value: number): void {
    this.#room(maxVarint32 + 10)
    this.#varint32(field << 3)
    this.#signed(value)
  }

  /** A signed whole number as zigzag (sint32); left out where it is 0. */
  zigzag(field: number, value: number): void {
    if (value !== 0) this.uint(field, ((value << 1) ^ (value >> 31)) >>> 0)
  }

  bool(field: number, value: boolean): void {
    this.present(field, value ? 1 : 0)
  }

  double(field: number, value: number): void {
    this.#room(maxVarint32 + 8)
    this.#varint32((field << 3) | 1)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  /** A fixed32 field; left out where it is 0. */
  fixed32(field: number, value: number): void {
    if (value === 0) return
    this.#room(maxVarint32 + 4)
    this.#varint32((field << 3) | 5)
    this.#at = this.#buffer.writeUInt32LE(value >>> 0, this.#at)
  }

  /** A fixed64 field that holds a whole number from 0 to 2^64, to the precision of a double. */
  fixed64(field: number, value: number): void {
    this.#room(maxVarint32 + 8)
    this.#varint32((field << 3) | 1)
    this.#fixed64(value)
  }

  /** A fixed64 field: `ms` since the epoch as ns. A double holds that to a quarter of a µs. */
  nanos(field: number, ms: number): void {
    const low = splitNanos(ms)
    this.#room(maxVarint32 + 8)
    this.#varint32((field << 3) | 1)
    this.#at = this.#buffer.writeUInt32LE(low, this.#at)
    this.#at = this.#buffer.writeUInt32LE(nanosHigh, this.#at)
  }

  /** Bytes given as hex text (ids); left out where it is empty. */
  hex(field: number, text: string): void {
    if (text === '') return
    const length = text.length >> 1
    this.#room(2 * maxVarint32 + length)
    this.#varint32((field << 3) | 2)
    this.#varint32(length)
    const buffer = this.#buffer
    for (let at = 0; at < length; at++)
      buffer[this.#at++] =
        ((digit[text.charCodeAt(2 * at)] as number) << 4) |
        (digit[text.charCodeAt(2 * at + 1)] as number)
  }

  bytes(field: number, value: Uint8Array): void {
    this.#room(2 * maxVarint32 + value.length)
    this.#varint32((field << 3) | 2)
    this.#varint32(value.length)
    this.raw(value)
  }

  /** Bytes as they are: fields encoded before. */
  raw(value: Uint8Array): void {
    this.#room(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  /** A text; left out where it is empty. */
  string(field: number, text: string): void {
    if (text !== '') this.stringPresent(field, text)
  }

  /** A text, written even where it is empty. */
  stringPresent(field: number, text: string): void {
    const { length } = text
    this.#room(2 * maxVarint32 + 3 * length)
    this.#varint32((field << 3) | 2)
    if (length < 40 && this.#ascii(text)) return
    const mark = this.#at
    const guess = length < 128 ? 1 : length < 16_384 ? 2 : 3
    this.#at += guess
    this.#at += this.#buffer.write(text, this.#at, 'utf8')
    this.#close(mark, guess)
  }

  /** Begins a nested message; pass what this returns to `close`. `guess`: bytes of its length. */
  open(field: number, guess = 1): number {
    this.#room(2 * maxVarint32)
    this.#varint32((field << 3) | 2)
    const mark = this.#at * 4 + guess
    this.#at += guess
    return mark
  }

  close(mark: number): void {
    this.#close(Math.floor(mark / 4), mark % 4)
  }

  /** A packed repeated fixed64 field. */
  packedFixed64(field: number, values: ArrayLike<number>): void {
    if (values.length === 0) return
    this.#room(2 * maxVarint32 + 8 * values.length)
    this.#varint32((field << 3) | 2)
    this.#varint32(8 * values.length)
    for (let at = 0; at < values.length; at++) this.#fixed64(values[at] as number)
  }

  /** A packed repeated double field. */
  packedDouble(field: number, values: ArrayLike<number>): void {
    if (values.length === 0) return
    this.#room(2 * maxVarint32 + 8 * values.length)
    this.#varint32((field << 3) | 2)
    this.#varint32(8 * values.length)
    for (let at = 0; at < values.length; at++)
      this.#at = this.#buffer.writeDoubleLE(values[at] as number, this.#at)
  }

  /** A packed repeated varint field. */
  packedVarint(field: number, values: ArrayLike<number>): void {
    if (values.length === 0) return
    const mark = this.open(field, values.length < 60 ? 1 : 2)
    this.#room(10 * values.length)
    for (let at = 0; at < values.length; at++) this.#varint(values[at] as number)
    this.close(mark)
  }

  /** Writes a short text with its length; false, and nothing written, where it is not ASCII. */
  #ascii(text: string): boolean {
    const buffer = this.#buffer
    const start = this.#at
    buffer[start] = text.length
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code > 127) return false
      buffer[start + 1 + at] = code
    }
    this.#at = start + 1 + text.length
    return true
  }

  #close(mark: number, guess: number): void {
    const length = this.#at - mark - guess
    const needed = length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4
    if (needed !== guess) {
      this.#room(needed)
      this.#buffer.copyWithin(mark + needed, mark + guess, this.#at)
    }
    this.#at = mark
    this.#varint32(length)
    this.#at = mark + needed + length
  }

  #fixed64(value: number): void {
    const high = Math.floor(value / 4_294_967_296)
    this.#at = this.#buffer.writeUInt32LE(value - high * 4_294_967_296, this.#at)
    this.#at = this.#buffer.writeUInt32LE(high, this.#at)
  }

  #varint32(value: number): void {
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[this.#at++] = rest
  }

  #varint(value: number): void {
    let rest = value
    while (rest > 0x7f_ffff_ff) {
      this.#buffer[this.#at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#varint32(rest)
  }

  #signed(value: number): void {
    if (value >= 0) return this.#varint(value)
    let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)))
    while (rest > 0x7fn) {
      this.#buffer[this.#at++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#buffer[this.#at++] = Number(rest)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }
}

const digit = new Uint8Array(128)
for (let at = 0; at < 10; at++) digit[48 + at] = at
for (let at = 0; at < 6; at++) digit[97 + at] = digit[65 + at] = 10 + at
