/** How two rankings of the same question differ. */
export interface ListDifference {
  /** Share of the first `k` items that both have. */
  readonly overlap: number
  /** Spearman's rank correlation over what either has; an item one lacks stands just below its end. */
  readonly correlation: number
}

/** Compares two rankings, best first. */
export function compareRankings(
  one: readonly number[],
  other: readonly number[],
  k: number,
): ListDifference {
  const top = new Set(one.slice(0, k))
  const shared = other.slice(0, k).filter((item) => top.has(item)).length
  const most = Math.max(Math.min(k, one.length), Math.min(k, other.length))
  const places = (list: readonly number[]): Map<number, number> =>
    new Map(list.map((item, at) => [item, at]))
  const [a, b] = [places(one), places(other)]
  const union = [...new Set([...one, ...other])]
  const first = union.map((item) => a.get(item) ?? one.length)
  const second = union.map((item) => b.get(item) ?? other.length)
  return {
    overlap: most === 0 ? 1 : shared / most,
    correlation: correlationOf(first, second),
  }
}

/** Pearson's correlation; 1 where neither varies. */
function correlationOf(first: readonly number[], second: readonly number[]): number {
  const count = first.length
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, count)
  const [meanFirst, meanSecond] = [mean(first), mean(second)]
  let both = 0
  let squaresFirst = 0
  let squaresSecond = 0
  for (let at = 0; at < count; at++) {
    const x = (first[at] as number) - meanFirst
    const y = (second[at] as number) - meanSecond
    both += x * y
    squaresFirst += x * x
    squaresSecond += y * y
  }
  const scale = Math.sqrt(squaresFirst * squaresSecond)
  return scale === 0 ? 1 : both / scale
}

const bins = 10

/**
 * Population stability index of `now` against `before`, over tenths of `before`: below 0.1 little
 * has moved, above 0.25 much (the usual reading). 0 where either is empty.
 */
export function stabilityIndex(before: readonly number[], now: readonly number[]): number {
  if (before.length === 0 || now.length === 0) return 0
  const sorted = [...before].sort((a, b) => a - b)
  const edges = Array.from(
    { length: bins - 1 },
    (_, at) => sorted[Math.floor(((at + 1) * sorted.length) / bins)] as number,
  )
  const shares = (values: readonly number[]): number[] => {
    const counts = Array.from({ length: bins }, () => 0)
    for (const value of values) {
      let bin = 0
      while (bin < edges.length && value >= (edges[bin] as number)) bin++
      counts[bin] = (counts[bin] as number) + 1
    }
    // Half a count in each bin: an empty one says little, and must not say infinity.
    return counts.map((count) => (count + 0.5) / (values.length + bins / 2))
  }
  const then = shares(before)
  return shares(now).reduce((sum, share, at) => {
    const was = then[at] as number
    return sum + (share - was) * Math.log(share / was)
  }, 0)
}
