import type { ExponentialPoint, HistogramPoint } from './otlp/model.ts'

/** Buckets of histogram points, explicit or exponential, in one form, and quantiles of them. */

/** Values from `low` (exclusive) to `high` (inclusive). */
export interface ValueBucket {
  readonly low: number
  readonly high: number
  readonly count: number
}

/**
 * Buckets of `point`, less what `earlier` of the same series had already; ascending, none empty.
 * A point with fewer values than `earlier` began anew. O(buckets).
 */
export function totalBuckets(
  point: HistogramPoint | ExponentialPoint,
  earlier?: HistogramPoint | ExponentialPoint,
): readonly ValueBucket[] {
  const buckets = bucketsOf(point, 'scale' in point ? scaleOf(point, earlier) : 0)
  if (!earlier || earlier.count > point.count) return buckets
  const before = new Map(
    bucketsOf(earlier, 'scale' in point ? scaleOf(point, earlier) : 0).map(({ high, count }) => [
      high,
      count,
    ]),
  )
  return buckets
    .map((bucket) => ({ ...bucket, count: bucket.count - (before.get(bucket.high) ?? 0) }))
    .filter(({ count }) => count > 0)
}

/** The `q`-quantile, linear within its bucket; undefined without values. */
export function quantileOf(buckets: readonly ValueBucket[], q: number): number | undefined {
  const total = buckets.reduce((sum, { count }) => sum + count, 0)
  if (total === 0) return undefined
  const rank = q * total
  let seen = 0
  for (const { low, high, count } of buckets) {
    if (seen + count >= rank) {
      // The last explicit bucket has no upper end: its lower end is all that is known.
      if (high === Number.POSITIVE_INFINITY) return low
      return low + (high - low) * Math.max(0, Math.min(1, (rank - seen) / count))
    }
    seen += count
  }
  return buckets.at(-1)?.low
}

/** The coarser scale of both: buckets of a finer one merge into it exactly. */
function scaleOf(point: ExponentialPoint, earlier?: HistogramPoint | ExponentialPoint): number {
  return earlier && 'scale' in earlier ? Math.min(point.scale, earlier.scale) : point.scale
}

function bucketsOf(
  point: HistogramPoint | ExponentialPoint,
  scale: number,
): readonly ValueBucket[] {
  return 'scale' in point ? exponential(point, scale) : explicit(point)
}

function explicit({ bounds, counts }: HistogramPoint): readonly ValueBucket[] {
  return counts
    .map((count, at) => ({
      low: at === 0 ? Math.min(0, bounds[0] ?? 0) : (bounds[at - 1] as number),
      high: bounds[at] ?? Number.POSITIVE_INFINITY,
      count,
    }))
    .filter(({ count }) => count > 0)
}

function exponential(point: ExponentialPoint, scale: number): readonly ValueBucket[] {
  const merged = new Map<number, number>()
  const { offset, counts } = point.positive
  const shift = point.scale - scale
  for (let at = 0; at < counts.length; at++) {
    const count = counts[at] as number
    if (count === 0) continue
    const index = Math.floor((offset + at) / 2 ** shift)
    merged.set(index, (merged.get(index) ?? 0) + count)
  }
  const steps = 2 ** scale
  const buckets = [...merged]
    .sort(([a], [b]) => a - b)
    .map(([index, count]) => ({
      low: 2 ** (index / steps),
      high: 2 ** ((index + 1) / steps),
      count,
    }))
  return point.zeroCount > 0 ? [{ low: 0, high: 0, count: point.zeroCount }, ...buckets] : buckets
}
