/**
 * Order ids: UUIDv7 (RFC 9562 section 5.7) that carry the order's slot.
 *
 * 48 bits of time, 42 random bits, 32 bits of slot mixed with the random bits. An id is found by
 * reading the slot out of it and comparing the rest with the table, so no index by id is needed:
 * 0 bytes an order where a hash map would take 40 and more. The 42 random bits and the
 * millisecond keep ids from being guessed.
 */

/** Four hex digits by number, filled as they are needed: 2 MB at most, and an id is eight of them. */
const quads: (string | undefined)[] = Array.from<string | undefined>({ length: 65_536 })

const quad = (value: number): string =>
  (quads[value & 0xffff] ??= (value & 0xffff).toString(16).padStart(4, '0'))

function mixed(randomA: number, randomB: number): number {
  let hash = Math.imul(randomA ^ Math.imul(randomB + 1, 0x9e3779b1), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The id of the order in `slot`, made at `atMs` (whole ms since the Unix epoch). */
export function orderIdOf(atMs: number, randomA: number, randomB: number, slot: number): string {
  const high = Math.floor(atMs / 65_536)
  const tail = (slot ^ mixed(randomA, randomB)) >>> 0
  return (
    `${quad(high >>> 16)}${quad(high)}-${quad(atMs % 65_536)}-${quad(0x7000 | (randomA >>> 14))}-` +
    `${quad(0x8000 | (randomA & 0x3fff))}-${quad(randomB)}${quad(tail >>> 16)}${quad(tail)}`
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
