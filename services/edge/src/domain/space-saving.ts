/**
 * The most frequent keys of a stream in bounded memory: SpaceSaving (Metwally, Agrawal, El Abbadi,
 * ICDT 2005). A new key that finds no room takes the place, and the count, of the rarest one. So a
 * count is never too low, is too high by at most `error`, and `error` never passes total / capacity:
 * every key that makes up more than that share is held.
 */

/** One key: the true count lies between `count - error` and `count`. */
export interface Frequent {
  readonly key: string
  readonly count: number
  readonly error: number
}

/** What a summary holds, for merging: its keys, and the most a key it does not hold can have. */
export interface FrequentKeys {
  readonly keys: readonly Frequent[]
  readonly floor: number
}

/** Counts keys; holds at most `capacity` of them. */
export class SpaceSaving {
  readonly capacity: number
  readonly #places = new Map<string, number>()
  readonly #keys: string[] = []
  readonly #counts: number[] = []
  readonly #errors: number[] = []
  /** No count is below it. */
  #lowest = 0
  #hand = 0

  /** `capacity`: a whole number >= 1. */
  constructor(capacity: number) {
    this.capacity = capacity
  }

  get size(): number {
    return this.#keys.length
  }

  /** Counts `key` `weight` times. O(1) amortised while weights are alike. */
  add(key: string, weight = 1): void {
    const place = this.#places.get(key)
    if (place !== undefined) this.#counts[place] = (this.#counts[place] as number) + weight
    else if (this.#keys.length < this.capacity) this.#put(this.#keys.length, key, [weight, 0])
    else {
      const rarest = this.#rarest()
      const count = this.#counts[rarest] as number
      this.#places.delete(this.#keys[rarest] as string)
      this.#put(rarest, key, [count + weight, count])
    }
  }

  /** All that is held. */
  held(): FrequentKeys {
    const keys = this.#keys.map((key, at) => ({
      key,
      count: this.#counts[at] as number,
      error: this.#errors[at] as number,
    }))
    const full = keys.length === this.capacity
    return { keys, floor: full ? (this.#counts[this.#rarest()] as number) : 0 }
  }

  /** Forgets everything. */
  clear(): void {
    this.#places.clear()
    this.#keys.length = this.#counts.length = this.#errors.length = 0
    this.#lowest = this.#hand = 0
  }

  /** Takes what `merged` gives, in place of what is held; at most `capacity` keys. */
  take({ keys }: FrequentKeys): void {
    this.clear()
    for (const { key, count, error } of keys.slice(0, this.capacity))
      this.#put(this.#keys.length, key, [count, error])
  }

  #put(at: number, key: string, [count, error]: readonly [number, number]): void {
    this.#places.set(key, at)
    this.#keys[at] = key
    this.#counts[at] = count
    this.#errors[at] = error
  }

  /** Counts only grow, so the hand goes round once for each value the lowest count has. */
  #rarest(): number {
    const counts = this.#counts
    for (let left = counts.length; left > 0; left--) {
      const at = this.#hand
      this.#hand = at + 1 === counts.length ? 0 : at + 1
      if ((counts[at] as number) <= this.#lowest) return at
    }
    let found = 0
    for (let at = 1; at < counts.length; at++)
      if ((counts[at] as number) < (counts[found] as number)) found = at
    this.#lowest = counts[found] as number
    this.#hand = found + 1 === counts.length ? 0 : found + 1
    return found
  }
}

/**
 * Several summaries as one, most frequent first, at most `most` keys (Agarwal et al., "Mergeable
 * summaries", PODS 2012): a key that one of them does not hold may have had that one's floor there.
 */
export function mergedFrequent(
  summaries: readonly FrequentKeys[],
  most: number = Number.POSITIVE_INFINITY,
): FrequentKeys {
  const above = new Map<string, { count: number; error: number }>()
  let floors = 0
  for (const { keys, floor } of summaries) {
    floors += floor
    for (const { key, count, error } of keys) {
      const sum = above.get(key)
      if (!sum) above.set(key, { count: count - floor, error: error - floor })
      else {
        sum.count += count - floor
        sum.error += error - floor
      }
    }
  }
  const all = [...above]
    .map(([key, { count, error }]) => ({ key, count: count + floors, error: error + floors }))
    .sort((one, other) => other.count - one.count)
  return { keys: all.slice(0, most), floor: all[most]?.count ?? floors }
}
