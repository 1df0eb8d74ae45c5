/** One look at the metrics of a program, and what two of them in a row tell. */

/** Values from `low` (exclusive) to `high` (inclusive), in s. */
export interface Bucket {
  readonly low: number
  readonly high: number
  /** Values ever seen. */
  readonly count: number
}

/** A measurement that belongs to a trace which is kept. */
export interface Sighting {
  readonly traceId: string
  /** In s. */
  readonly value: number
  /** Wall time, ms. */
  readonly timeMs: number
}

/** Totals since the program started, and what it is now. Absent parts are undefined. */
export interface Reading {
  /** Monotonic time, ms. */
  readonly atMs: number
  readonly requests: number
  /** Answers of 500 and above. */
  readonly errors: number
  readonly latency: readonly Bucket[]
  readonly cacheHits: number | undefined
  readonly cacheRequests: number | undefined
  /** P99 delay of the event loop, s. */
  readonly loopDelay: number | undefined
  readonly residentBytes: number | undefined
  readonly heapBytes: number | undefined
  /** Share of new traces kept, 0 to 1. */
  readonly sampling: number | undefined
  /** Newest first. */
  readonly sightings: readonly Sighting[]
}

/** What happened between two readings. */
export interface Step {
  readonly atMs: number
  /** Requests a second. */
  readonly rate: number
  /** Share of answers of 500 and above, 0 to 1; undefined without requests. */
  readonly errorShare: number | undefined
  /** Latency, s; undefined without requests. */
  readonly p50: number | undefined
  readonly p99: number | undefined
  /** Latencies at or below this, s, are known no better than that: the first bucket of a text exposition. */
  readonly coarseBelow: number
  /** Share of requests answered from the cache, 0 to 1. */
  readonly hitShare: number | undefined
  readonly loopDelay: number | undefined
  readonly residentBytes: number | undefined
}

/** What happened from `before` to `after`. A program that started anew in between counts from zero. */
export function stepBetween(before: Reading, after: Reading): Step {
  const restarted = after.requests < before.requests
  const from = restarted ? undefined : before
  const requests = after.requests - (from?.requests ?? 0)
  const errors = Math.max(0, after.errors - (from?.errors ?? 0))
  const seconds = (after.atMs - before.atMs) / 1000
  const latency = bucketsBetween(from?.latency ?? [], after.latency)
  const asked = (after.cacheRequests ?? 0) - (from?.cacheRequests ?? 0)
  const hit = (after.cacheHits ?? 0) - (from?.cacheHits ?? 0)
  return {
    atMs: after.atMs,
    rate: seconds > 0 ? requests / seconds : 0,
    errorShare: requests > 0 ? errors / requests : undefined,
    p50: quantile(latency, 0.5),
    p99: quantile(latency, 0.99),
    coarseBelow: latency.find(({ low, high }) => low === 0 && high > 0)?.high ?? 0,
    hitShare: asked > 0 ? Math.min(1, Math.max(0, hit / asked)) : undefined,
    loopDelay: after.loopDelay,
    residentBytes: after.residentBytes,
  }
}

/** What was added to each bucket; buckets nobody added to are left out. O(buckets). */
export function bucketsBetween(
  before: readonly Bucket[],
  after: readonly Bucket[],
): readonly Bucket[] {
  const known = new Map(before.map(({ high, count }) => [high, count]))
  return after
    .map(({ low, high, count }) => ({ low, high, count: count - (known.get(high) ?? 0) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => a.high - b.high)
}

/** The `q`-quantile, linear within its bucket; undefined without values. `buckets` ascend. */
export function quantile(buckets: readonly Bucket[], q: number): number | undefined {
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

/** All buckets of several histograms in one list, counts of equal ones added. O(n log n). */
export function mergedBuckets(lists: readonly (readonly Bucket[])[]): readonly Bucket[] {
  const merged = new Map<number, Bucket>()
  for (const list of lists)
    for (const bucket of list) {
      const held = merged.get(bucket.high)
      merged.set(
        bucket.high,
        held
          ? {
              low: Math.min(held.low, bucket.low),
              high: bucket.high,
              count: held.count + bucket.count,
            }
          : bucket,
      )
    }
  return [...merged.values()].sort((a, b) => a.high - b.high)
}
