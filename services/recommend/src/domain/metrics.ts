/** Figures of one user's list against what the user did afterwards. */
export interface ListFigures {
  /** 1 where at least one wanted item is in the list. */
  readonly hr: number
  /** Wanted items found, over min(k, wanted). */
  readonly recall: number
  /** Binary relevance, ideal over min(k, wanted). */
  readonly ndcg: number
}

/** `ranks`: place of each wanted item in the full ranking, 0 the first; `Infinity` where unranked. */
export function listFigures(ranks: readonly number[], k: number): ListFigures {
  let found = 0
  let gain = 0
  for (const rank of ranks) {
    if (rank >= k) continue
    found++
    gain += 1 / Math.log2(rank + 2)
  }
  const most = Math.min(k, ranks.length)
  if (most === 0) return { hr: 0, recall: 0, ndcg: 0 }
  let ideal = 0
  for (let rank = 0; rank < most; rank++) ideal += 1 / Math.log2(rank + 2)
  return { hr: found > 0 ? 1 : 0, recall: found / most, ndcg: gain / ideal }
}

/** A mean with its 95 % interval. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

/**
 * Mean and normal 95 % interval of one figure a user, cut at 0 and 1; for shares of 0 and 1 (`binary`)
 * the Wilson interval.
 */
export function interval(values: Float64Array, binary = false): Interval {
  const count = values.length
  if (count === 0) return { value: 0, low: 0, high: 0 }
  let sum = 0
  for (const value of values) sum += value
  const mean = sum / count
  if (binary) {
    const z2 = 1.96 ** 2
    const centre = (mean + z2 / (2 * count)) / (1 + z2 / count)
    const half =
      (1.96 * Math.sqrt((mean * (1 - mean)) / count + z2 / (4 * count * count))) / (1 + z2 / count)
    return { value: mean, low: centre - half, high: centre + half }
  }
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  const half = count < 2 ? 0 : 1.96 * Math.sqrt(squares / (count - 1) / count)
  return { value: mean, low: Math.max(0, mean - half), high: Math.min(1, mean + half) }
}
