/**
 * Order ids: UUIDv7 (RFC 9562 section 5.7) that carry the order's slot.
 *
 * 48 bits of time, 42 random bits, 32 bits of slot mixed with the random bits. An id is found by
 * reading the slot out of it and comparing the rest with the table, so no index by id is needed:
 * 0 bytes an order where a hash map would take 40 and more. The 42 random bits and the
 * millisecond keep ids from being guessed.
 */

const hex: readonly string[] = Array.from({ length: 256 }, (_, value) =>
  value.toString(16).padStart(2, '0'),
)

const byte = (value: number): string => hex[value & 0xff] as string

function mixed(randomA: number, randomB: number): number {
  let hash = Math.imul(randomA ^ Math.imul(randomB + 1, 0x9e3779b1), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The id of the order in `slot`, made at `atMs` (whole ms since the Unix epoch). */
export function orderIdOf(atMs: number, randomA: number, randomB: number, slot: number): string {
  const high = Math.floor(atMs / 65_536)
  const low = atMs % 65_536
  const a = randomA >>> 14
  const b = 0x8000 | (randomA & 0x3fff)
  const tail = (slot ^ mixed(randomA, randomB)) >>> 0
  return (
    `${byte(high >>> 24)}${byte(high >>> 16)}${byte(high >>> 8)}${byte(high)}-` +
    `${byte(low >>> 8)}${byte(low)}-${byte(0x70 | (a >>> 8))}${byte(a)}-` +
    `${byte(b >>> 8)}${byte(b)}-${byte(randomB >>> 8)}${byte(randomB)}` +
    `${byte(tail >>> 24)}${byte(tail >>> 16)}${byte(tail >>> 8)}${byte(tail)}`
  )
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
