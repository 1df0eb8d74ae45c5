/**
 * How many different keys a stream has, in 16 KiB: HyperLogLog (Flajolet et al., 2007) with 2^14
 * registers over a seeded 32-bit hash, read by Ertl's estimator ("New cardinality estimation
 * algorithms for HyperLogLog sketches", 2017), which has no bias from nothing to 10^8 keys.
 * Standard error 0.81 %. The seed is secret, so nobody can choose keys that share a register.
 */

const bits = 14
const registers = 2 ** bits
/** Bits of the hash that tell the rank. */
const rankBits = 32 - bits

/** A seeded hash of text, uniform over 32 bits: FNV-1a with the finish of murmur3. */
export function hashOf(text: string, seed: number): number {
  let hash = (seed ^ 0x811c9dc5) | 0
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Counts different keys by their hashes. */
export class DistinctCount {
  readonly registers: Uint8Array

  constructor(held: Uint8Array = new Uint8Array(registers)) {
    this.registers = held
  }

  /** Counts a key by its hash (`hashOf`). O(1). */
  add(hash: number): void {
    const place = hash & (registers - 1)
    const rank = Math.clz32(hash >>> bits) - bits + 1
    if (rank > (this.registers[place] as number)) this.registers[place] = rank
  }

  /** Adds all of `other`, which was made with the same seed. */
  merge(other: DistinctCount): void {
    for (let at = 0; at < registers; at++) {
      const rank = other.registers[at] as number
      if (rank > (this.registers[at] as number)) this.registers[at] = rank
    }
  }

  /** Different keys, estimated; 0 where there were none. O(registers). */
  get estimate(): number {
    const withRank = new Float64Array(rankBits + 2)
    for (const rank of this.registers) withRank[rank] = (withRank[rank] as number) + 1
    let sum = registers * tau(1 - (withRank[rankBits + 1] as number) / registers)
    for (let rank = rankBits; rank >= 1; rank--) sum = (sum + (withRank[rank] as number)) / 2
    sum += registers * sigma((withRank[0] as number) / registers)
    return registers ** 2 / (2 * Math.LN2 * sum)
  }

  clear(): void {
    this.registers.fill(0)
  }
}

/** Ertl's correction for registers that are zero. */
function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY
  let power = share
  let sum = share
  for (let weight = 1, before = -1; sum !== before; weight += weight) {
    power *= power
    before = sum
    sum += power * weight
  }
  return sum
}

/** Ertl's correction for registers that are full. */
function tau(share: number): number {
  if (share === 0 || share === 1) return 0
  let root = share
  let sum = 1 - share
  for (let weight = 0.5, before = -1; sum !== before; weight /= 2) {
    root = Math.sqrt(root)
    before = sum
    sum -= (1 - root) ** 2 * weight
  }
  return sum / 3
}
