import { createHash } from 'node:crypto'

/**
 * Weight of `name` for `key`: the key belongs to the heaviest name, and when one leaves only its own
 * keys move (Thaler and Ravishankar, 1998). A whole number in [0, 2^32).
 */
export function rendezvousWeight(name: string, key: string): number {
  return createHash('md5').update(`${name}\n${key}`).digest().readUInt32BE(0)
}
