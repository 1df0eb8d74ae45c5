/** A `Float64Array` that grows as numbers are set. Reading past the end gives 0. */
export class GrowingArray {
  #values: Float64Array
  #length = 0

  constructor(values: Float64Array = new Float64Array(64)) {
    this.#values = values
    this.#length = values.length
  }

  /** One past the highest index ever set. */
  get length(): number {
    return this.#length
  }

  get(at: number): number {
    return this.#values[at] ?? 0
  }

  add(at: number, by: number): void {
    if (at >= this.#values.length) this.#grow(at + 1)
    if (at >= this.#length) this.#length = at + 1
    this.#values[at] = (this.#values[at] as number) + by
  }

  /** Multiplies every number. O(length). */
  scale(factor: number): void {
    for (let at = 0; at < this.#length; at++)
      this.#values[at] = (this.#values[at] as number) * factor
  }

  /** The numbers in use, as they are until the next change. */
  view(): Float64Array {
    return this.#values.subarray(0, this.#length)
  }

  #grow(least: number): void {
    const next = new Float64Array(Math.max(least, this.#values.length * 2))
    next.set(this.#values)
    this.#values = next
  }
}
