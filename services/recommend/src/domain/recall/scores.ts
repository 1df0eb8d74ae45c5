/**
 * A sparse vector of item scores that can be cleared in O(touched): one channel's answer for one
 * request. Boards are reused from request to request through `BoardPool`.
 */
export class Scores {
  readonly values: Float64Array
  readonly touched: Uint32Array
  #marks: Uint8Array
  #count = 0

  /** `items`: scores are held for items 0 to items - 1. */
  constructor(items: number) {
    this.values = new Float64Array(items)
    this.touched = new Uint32Array(items)
    this.#marks = new Uint8Array(items)
  }

  /** Items this board can hold. */
  get items(): number {
    return this.values.length
  }

  /** Items touched since the last `clear`; `touched[0..count)` names them. */
  get count(): number {
    return this.#count
  }

  add(item: number, by: number): void {
    if (item >= this.values.length) return
    if (this.#marks[item] === 0) {
      this.#marks[item] = 1
      this.touched[this.#count++] = item
    }
    this.values[item] = (this.values[item] as number) + by
  }

  /** Adds `scale` times each of the first `count` of `by` to the item beside it. */
  addAll(
    items: Uint32Array,
    by: Float64Array | Float32Array,
    scale = 1,
    count: number = items.length,
  ): void {
    const { values, touched } = this
    const marks = this.#marks
    let met = this.#count
    for (let at = 0; at < count; at++) {
      const item = items[at] as number
      if (item >= values.length) continue
      if (marks[item] === 0) {
        marks[item] = 1
        touched[met++] = item
      }
      values[item] = (values[item] as number) + scale * (by[at] as number)
    }
    this.#count = met
  }

  /** Adds `scale` times another board to this one. O(touched). */
  addBoard(other: Scores, scale: number): void {
    const { values, touched } = this
    const marks = this.#marks
    const { touched: items, values: by, count } = other
    let met = this.#count
    for (let at = 0; at < count; at++) {
      const item = items[at] as number
      if (item >= values.length) continue
      if (marks[item] === 0) {
        marks[item] = 1
        touched[met++] = item
      }
      values[item] = (values[item] as number) + scale * (by[item] as number)
    }
    this.#count = met
  }

  /** Puts what `change` gives in the place of each touched item's score. */
  map(change: (item: number, value: number) => number): void {
    for (let at = 0; at < this.#count; at++) {
      const item = this.touched[at] as number
      this.values[item] = change(item, this.values[item] as number)
    }
  }

  has(item: number): boolean {
    return this.#marks[item] === 1
  }

  /**
   * Standard deviation over all items, untouched ones counting as 0. Dividing by it is what makes
   * channels comparable (the mean of a z-score moves all items alike, so it can be left out).
   * 0 where no item stands out. `items`: how many there are, touched or not. O(touched).
   */
  deviation(items: number): number {
    let sum = 0
    let squares = 0
    for (let at = 0; at < this.#count; at++) {
      const value = this.values[this.touched[at] as number] as number
      sum += value
      squares += value * value
    }
    const mean = sum / items
    const variance = squares / items - mean * mean
    // Scores that are nearly all alike say little: they must not be blown up to the size of others.
    return variance > 1e-24 ? Math.max(Math.sqrt(variance), Math.sqrt(squares / items) / 10) : 0
  }

  clear(): void {
    if (this.#count * denseShare > this.values.length) {
      this.values.fill(0)
      this.#marks.fill(0)
      this.#count = 0
      return
    }
    for (let at = 0; at < this.#count; at++) {
      const item = this.touched[at] as number
      this.values[item] = 0
      this.#marks[item] = 0
    }
    this.#count = 0
  }
}

/** From a quarter of the board on, clearing all of it is the faster way. */
const denseShare = 4

/** Boards for one catalogue size. Bounded by the requests that run at the same time. */
export class BoardPool {
  #free: Scores[] = []
  #items = 0

  /** A clear board that holds at least `items`. */
  take(items: number): Scores {
    if (items > this.#items) {
      // Some room above, so that a growing catalogue does not throw the boards away at each item.
      this.#items = Math.ceil(items * 1.1) + 16
      this.#free = []
    }
    return this.#free.pop() ?? new Scores(this.#items)
  }

  /** Gives a board back; it must not be used any more. */
  give(board: Scores): void {
    board.clear()
    if (board.items === this.#items && this.#free.length < freeMax) this.#free.push(board)
  }
}

const freeMax = 64
