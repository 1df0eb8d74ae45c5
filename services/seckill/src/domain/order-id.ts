/**
 * Order ids: UUIDv7 (RFC 9562 section 5.7) that carry the order's slot.
 *
 * 48 bits of time, 42 random bits, 32 bits of slot mixed with the random bits. An id is found by
 * reading the slot out of it and comparing the rest with the table, so no index by id is needed:
 * 0 bytes an order where a hash map would take 40 and more. The 42 random bits and the
 * millisecond keep ids from being guessed.
 */

/** The id being written. One text is made of it in the end: joining eight costs twice as much. */
const id: Buffer = Buffer.from('00000000-0000-0000-0000-000000000000')
const digits: Buffer = Buffer.from('0123456789abcdef')
/** The time whose digits `id` begins with: a millisecond makes many ids. */
let writtenMs = 0

/** Writes the last `count` hex digits of `value`, a whole number in [0, 2^32), from `at` on. */
function write(at: number, value: number, count: number): void {
  let rest = value
  for (let to = at + count - 1; to >= at; to--) {
    id[to] = digits[rest & 15] as number
    rest >>>= 4
  }
}

function mixed(randomA: number, randomB: number): number {
  let hash = Math.imul(randomA ^ Math.imul(randomB + 1, 0x9e3779b1), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The id of the order in `slot`, made at `atMs` (whole ms since the Unix epoch). */
export function orderIdOf(atMs: number, randomA: number, randomB: number, slot: number): string {
  if (atMs !== writtenMs) {
    writtenMs = atMs
    write(0, Math.floor(atMs / 65_536), 8)
    write(9, atMs % 65_536, 4)
  }
  write(14, 0x7000 | (randomA >>> 14), 4)
  write(19, 0x8000 | (randomA & 0x3fff), 4)
  write(24, randomB, 4)
  write(28, (slot ^ mixed(randomA, randomB)) >>> 0, 8)
  return id.toString('latin1')
}

/** What an id says; it names an order only where the table agrees. */
export interface OrderIdParts {
  readonly atMs: number
  readonly randomA: number
  readonly randomB: number
  readonly slot: number
}

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Reads an id; undefined where the text has another shape. */
export function parseOrderId(text: string): OrderIdParts | undefined {
  if (!shape.test(text)) return undefined
  const number = (from: number, to: number): number => Number.parseInt(text.slice(from, to), 16)
  const atMs = number(0, 8) * 65_536 + number(9, 13)
  const randomA = (number(15, 18) << 14) | (number(19, 23) & 0x3fff)
  const randomB = number(24, 28)
  const slot = (number(28, 36) ^ mixed(randomA, randomB)) >>> 0
  return { atMs, randomA, randomB, slot }
}
