/** Places; a power of two. Two items in one place only cost each other a second reading. */
const places = 8192
/** Numbers kept of an item. */
const width = 8

/**
 * Numbers of the items read lately, each as of one second: lists of the same second ask for the same
 * items. Whoever changes an item forgets it. 0.4 MB, whatever the catalogue.
 */
export class RecentReads {
  readonly numbers: Float32Array = new Float32Array(places * width)
  /** Of the last `find`: true where the numbers are there, false where the caller must write them. */
  found = false
  readonly #items = new Int32Array(places).fill(-1)
  readonly #secondsMs = new Float64Array(places)

  /** Where the numbers of `item` as of `secondMs` are, or belong, in `numbers`. */
  find(item: number, secondMs: number): number {
    const place = item & (places - 1)
    this.found = this.#items[place] === item && this.#secondsMs[place] === secondMs
    this.#items[place] = item
    this.#secondsMs[place] = secondMs
    return place * width
  }

  forget(item: number): void {
    const place = item & (places - 1)
    if (this.#items[place] === item) this.#items[place] = -1
  }

  forgetAll(): void {
    this.#items.fill(-1)
  }
}
