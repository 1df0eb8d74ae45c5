/** Bytes a body on its way may be ahead of its slowest reader, or of the disk, before the origin is paused. */
export const lagBytesMax = 1_048_576
/**
 * The same while half of the transient memory is in use: many bodies hold a little each. Twice a chunk of
 * the disk: less than a chunk is not written before it is full, and half of the lead is what sets the
 * origin going again.
 */
export const crowdedLagBytesMax = 131_072
/** Transient memory that one body on its way to disk needs, at most, while it is crowded. */
export const spillBytes = 262_144

/**
 * Memory of bodies on their way, all together: of those that will be stored, of those that pass
 * through, and of whole ones whose slow readers are not done.
 */
export class Transient {
  readonly #bytesMax: () => number
  /** Bytes held now. */
  bytes = 0

  /** `bytesMax` may change while it runs. */
  constructor(bytesMax: () => number) {
    this.#bytesMax = bytesMax
  }

  /** True where `bytes` more may be held, to be stored. */
  takes(bytes: number): boolean {
    return this.bytes + bytes <= this.#bytesMax()
  }

  /** Lead one body may have now. */
  get lagBytes(): number {
    return this.bytes > this.#bytesMax() / 2 ? crowdedLagBytesMax : lagBytesMax
  }

  /** Bodies that may be on their way to disk at once. */
  get spillsMax(): number {
    return Math.floor(this.#bytesMax() / spillBytes)
  }
}
