/** Most items swept in one turn: about a millisecond. */
export const sweepMax = 1000

interface Work {
  /** True once nothing is left. */
  slice(): boolean
}

/**
 * Work on many items that nobody waits for, a slice a turn, so that it holds nobody up. What must be
 * true at once is done before it comes here.
 */
export class Sweep {
  readonly #works: Work[] = []
  readonly #turn = (): void => {
    if (this.#works[0]?.slice()) this.#works.shift()
    if (this.#works.length > 0) setImmediate(this.#turn)
  }

  /** Calls `task` for each of `items`; the first slice in this turn. */
  add<Item>(items: Iterable<Item>, task: (item: Item) => void): void {
    const left = items[Symbol.iterator]()
    const work = { slice: () => slice(left, task) }
    if (this.#works.length === 0 && work.slice()) return
    this.#works.push(work)
    if (this.#works.length === 1) setImmediate(this.#turn)
  }
}

function slice<Item>(left: Iterator<Item>, task: (item: Item) => void): boolean {
  for (let count = 0; count < sweepMax; count++) {
    const step = left.next()
    if (step.done) return true
    task(step.value)
  }
  return false
}
