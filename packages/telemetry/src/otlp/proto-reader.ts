import { Fault } from '@spate/runtime/fault'

/**
 * Reads Protocol Buffers by hand, from anybody: every length is checked against what is left, depth
 * and sizes are bounded by the caller, and what breaks the format is a `Fault('invalid_request')`.
 */

/** Field number and wire type of a tag. */
export interface Tag {
  field: number
  wire: number
}

/** A message of `bytes` from `at` to `end`. Unknown fields are passed over. */
export class ProtoReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number
  /** Number of the field last read by `next`. */
  field = 0
  /** Wire type of the field last read by `next`. */
  wire = 0

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#at = at
    this.#end = end
  }

  /** Reads the next tag; false at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#end) return false
    const tag = this.#varint()
    this.field = Math.floor(tag / 8)
    this.wire = tag % 8
    if (this.field === 0 || this.field > 536_870_911) throw broken('a field number')
    return true
  }

  /** Passes over the present field. */
  skip(): void {
    switch (this.wire) {
      case 0:
        this.#varint()
        break
      case 1:
        this.#take(8)
        break
      case 2:
        this.#take(this.#varint())
        break
      case 5:
        this.#take(4)
        break
      default:
        throw broken('a wire type')
    }
  }

  /** A varint as a number; beyond 2^53 the low bits are lost. */
  uint(): number {
    this.#expect(0)
    return this.#varint()
  }

  /** An int64 or int32 varint, two's complement. */
  int(): number {
    this.#expect(0)
    const low = this.#varintBig()
    return Number(BigInt.asIntN(64, low))
  }

  /** A sint32 varint. */
  zigzag(): number {
    const value = this.uint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  bool(): boolean {
    return this.uint() !== 0
  }

  double(): number {
    this.#expect(1)
    return this.#bytes.readDoubleLE(this.#take(8))
  }

  fixed32(): number {
    this.#expect(5)
    return this.#bytes.readUInt32LE(this.#take(4))
  }

  /** A fixed64 as a number; beyond 2^53 the low bits are lost. */
  fixed64(): number {
    this.#expect(1)
    const at = this.#take(8)
    return this.#bytes.readUInt32LE(at + 4) * 4_294_967_296 + this.#bytes.readUInt32LE(at)
  }

  /** An sfixed64 as a number. */
  sfixed64(): number {
    this.#expect(1)
    const at = this.#take(8)
    return this.#bytes.readInt32LE(at + 4) * 4_294_967_296 + this.#bytes.readUInt32LE(at)
  }

  /** A fixed64 of ns since the epoch as ms with a fraction. */
  nanos(): number {
    this.#expect(1)
    const at = this.#take(8)
    const ns =
      (BigInt(this.#bytes.readUInt32LE(at + 4)) << 32n) | BigInt(this.#bytes.readUInt32LE(at))
    return msOfNanos(ns)
  }

  string(): string {
    this.#expect(2)
    const length = this.#varint()
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** Bytes as hex text: an id. */
  hex(): string {
    this.#expect(2)
    const length = this.#varint()
    const at = this.#take(length)
    return this.#bytes.toString('hex', at, at + length)
  }

  /** A copy of the field's bytes. */
  bytes(): Uint8Array {
    this.#expect(2)
    const length = this.#varint()
    const at = this.#take(length)
    return new Uint8Array(this.#bytes.subarray(at, at + length))
  }

  /** A reader over the nested message. */
  message(): ProtoReader {
    this.#expect(2)
    const length = this.#varint()
    const at = this.#take(length)
    return new ProtoReader(this.#bytes, at, at + length)
  }

  /** A repeated fixed64, packed or not, appended to `target`. */
  fixed64s(target: number[]): void {
    if (this.wire !== 2) return void target.push(this.fixed64())
    const inner = this.message()
    while (inner.#at < inner.#end) {
      const at = inner.#take(8)
      target.push(this.#bytes.readUInt32LE(at + 4) * 4_294_967_296 + this.#bytes.readUInt32LE(at))
    }
  }

  /** A repeated double, packed or not, appended to `target`. */
  doubles(target: number[]): void {
    if (this.wire !== 2) return void target.push(this.double())
    const inner = this.message()
    while (inner.#at < inner.#end) target.push(this.#bytes.readDoubleLE(inner.#take(8)))
  }

  /** A repeated varint, packed or not, appended to `target`. */
  varints(target: number[]): void {
    if (this.wire !== 2) return void target.push(this.uint())
    const inner = this.message()
    while (inner.#at < inner.#end) target.push(inner.#varint())
  }

  #expect(wire: number): void {
    if (this.wire !== wire) throw broken('a wire type')
  }

  /** Moves over `length` bytes; returns where they begin. */
  #take(length: number): number {
    const at = this.#at
    if (!(length <= this.#end - at)) throw broken('a length')
    this.#at = at + length
    return at
  }

  #varint(): number {
    let result = 0
    let scale = 1
    for (let count = 0; count < 10; count++) {
      if (this.#at >= this.#end) throw broken('a number')
      const byte = this.#bytes[this.#at++] as number
      result += (byte & 0x7f) * scale
      if (byte < 0x80) return result
      scale *= 128
    }
    throw broken('a number')
  }

  #varintBig(): bigint {
    let result = 0n
    let shift = 0n
    for (let count = 0; count < 10; count++) {
      if (this.#at >= this.#end) throw broken('a number')
      const byte = this.#bytes[this.#at++] as number
      result |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return result
      shift += 7n
    }
    throw broken('a number')
  }
}

/** ns since the epoch as ms with a fraction. */
export function msOfNanos(ns: bigint): number {
  return Number(ns / 1_000_000n) + Number(ns % 1_000_000n) / 1e6
}

function broken(what: string): Fault {
  return new Fault('invalid_request', `the protobuf message is broken at ${what}`)
}
