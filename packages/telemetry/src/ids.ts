import { secretBytes, systemChance, type Chance } from '@spate/runtime/chance'

/**
 * Random trace and span ids, 32 bits at a time. The system's chance starts from 32 bits, too few
 * for a fleet: each word is therefore mixed with 128 secret bits of this process.
 */
export class IdSource {
  readonly #chance: Chance
  readonly #mask: Uint32Array

  constructor(chance: Chance) {
    this.#chance = chance
    this.#mask = new Uint32Array(4)
    // A seeded chance must give the same ids again, so only the system's is masked.
    if (chance === systemChance) {
      const secret = secretBytes(16)
      for (let at = 0; at < 4; at++) this.#mask[at] = secret.readUInt32LE(4 * at)
    }
  }

  /** Word `at` (0..3) of a new id, never zero where `at` is the last of its id (1 and 3). */
  word(at: number): number {
    const word = (this.#chance.uint32() ^ (this.#mask[at] as number)) >>> 0
    return word === 0 && (at & 1) === 1 ? 1 : word
  }
}
