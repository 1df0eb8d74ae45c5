import { randomFillSync } from 'node:crypto'

/** A source of random numbers. Not for secrets: those come from `secretBytes`. */
export interface Chance {
  /** Uniform in [0, 1) with 32 bits of resolution. */
  float(): number
  /** Uniform whole number in [0, 2^32). */
  uint32(): number
  /** Uniform whole number in [low, high]. */
  integer(low: number, high: number): number
  /** Fills and returns `target`. */
  fill(target: Uint8Array): Uint8Array
}

/**
 * xoshiro128** seeded by splitmix32 (Blackman and Vigna, 2018): fast, 128 bits of state, and the
 * same numbers for the same seed on every machine.
 */
export class SeededChance implements Chance {
  readonly seed: number
  #a: number
  #b: number
  #c: number
  #d: number

  /** `seed`: any whole number; print it with every failure so that the run can be repeated. */
  constructor(seed: number) {
    this.seed = seed
    let state = seed >>> 0
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0
      let mixed = state ^ (state >>> 16)
      mixed = Math.imul(mixed, 0x21f0aaad)
      mixed ^= mixed >>> 15
      mixed = Math.imul(mixed, 0x735a2d97)
      return (mixed ^ (mixed >>> 15)) >>> 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  uint32(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotate(this.#d, 11)
    return result
  }

  float(): number {
    return this.uint32() / 4_294_967_296
  }

  integer(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1))
  }

  fill(target: Uint8Array): Uint8Array {
    for (let at = 0; at < target.length; at += 4) {
      const word = this.uint32()
      for (let k = 0; k < 4 && at + k < target.length; k++) target[at + k] = word >>> (8 * k)
    }
    return target
  }
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by))

/** Chance seeded from the system once: unpredictable start, then as fast as `SeededChance`. */
export const systemChance: Chance = new SeededChance(secretBytes(4).readUInt32LE(0))

/** `length` bytes from the system's cryptographic generator: tokens, keys, nonces. */
export function secretBytes(length: number): Buffer {
  return randomFillSync(Buffer.allocUnsafe(length))
}

const hex: readonly string[] = Array.from({ length: 256 }, (_, value) =>
  value.toString(16).padStart(2, '0'),
)
const idPool = new Uint8Array(10 * 256)
let idPoolAt = idPool.length
let lastMs = -1
let sequence = 0

/**
 * A UUIDv7 (RFC 9562 section 5.7): 48 bits of `nowMs`, then a counter that makes ids of one process
 * strictly increasing within a millisecond (method 1), then 62 cryptographically random bits.
 */
export function uuidv7(nowMs: number): string {
  if (idPoolAt + 10 > idPool.length) {
    randomFillSync(idPool)
    idPoolAt = 0
  }
  const random = idPool.subarray(idPoolAt, (idPoolAt += 10))
  if (nowMs > lastMs) {
    lastMs = nowMs
    sequence = (((random[0] ?? 0) & 0x07) << 8) | (random[1] ?? 0)
  } else if (++sequence > 0xfff) {
    // The counter is used up: borrow from the next millisecond, as RFC 9562 section 6.2 allows.
    lastMs++
    sequence = 0
  }
  const high = Math.floor(lastMs / 65_536)
  const low = lastMs % 65_536
  const h = (value: number | undefined): string => hex[(value ?? 0) & 0xff] ?? '00'
  return (
    `${h(high >>> 24)}${h(high >>> 16)}${h(high >>> 8)}${h(high)}-${h(low >>> 8)}${h(low)}` +
    `-${h(0x70 | (sequence >>> 8))}${h(sequence)}` +
    `-${h(0x80 | ((random[2] ?? 0) & 0x3f))}${h(random[3])}` +
    `-${h(random[4])}${h(random[5])}${h(random[6])}${h(random[7])}${h(random[8])}${h(random[9])}`
  )
}
