import { hash } from 'node:crypto'

/**
 * Proof of work before the start (hashcash, Back 2002): a text whose SHA-256 together with the
 * challenge begins with so many zero bits. Finding one takes 2^bits hashes, checking it takes one.
 * It makes a crowd of made-up users cost time; it keeps out nobody who has that time.
 */

/** Most zero bits a campaign may ask for: minutes on a phone. */
export const proofBitsMax = 28

/** What is hashed. */
export const proofText = (challenge: string, proof: string): string => `${challenge}.${proof}`

/** True where `proof` solves `challenge` with `bits` leading zero bits. About 1 us. */
export function proves(challenge: string, proof: string, bits: number): boolean {
  const digest = hash('sha256', proofText(challenge, proof), 'buffer')
  for (let at = 0, left = bits; left > 0; at++, left -= 8) {
    const byte = digest[at] ?? 0
    if (left >= 8 ? byte !== 0 : byte >> (8 - left) !== 0) return false
  }
  return true
}

/**
 * Looks for a proof among `most` texts from number `from` on; undefined where none of them is one.
 * A caller that must stay responsive asks for a few thousand at a time.
 */
export function findProof(
  challenge: string,
  bits: number,
  from: number,
  most: number,
): string | undefined {
  for (let n = from; n < from + most; n++) {
    const proof = n.toString(36)
    if (proves(challenge, proof, bits)) return proof
  }
  return undefined
}
