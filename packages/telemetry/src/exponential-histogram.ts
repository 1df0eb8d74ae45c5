import assert from 'node:assert/strict'

/**
 * A base-2 exponential histogram with explicit bounds kept beside it.
 *
 * Bucket i of scale s holds (base^i, base^(i+1)] with base = 2^(2^-s); at scale 5 a bucket is
 * 2.19 % wide, so a quantile is within 1.1 %. Halving the scale merges pairs exactly, therefore
 * histograms of any two scales merge without error beyond the coarser one's.
 *
 * Recording into a known bucket allocates nothing: the bucket comes from the bits of the double
 * and a table, not from a logarithm. Where values spread over more than `bucketsMax` buckets, the
 * scale goes down until they fit. Source: OpenTelemetry metrics data model, "ExponentialHistogram".
 */

/** Scale at which a histogram starts. */
export const scaleFirst = 5
/** Buckets held before the scale is lowered: at scale 5 a span of 2^32 from least to most. */
export const bucketsMax = 1024
/** Buckets written to OTLP; wider histograms are written at a lower scale. */
export const bucketsWritten = 160

const smallestNormal = 2 ** -1022
const bits = new Float64Array(1)
const words = new Uint32Array(bits.buffer)
const subBuckets = 2 ** scaleFirst

/** Upper bound (inclusive) of each of the 32 sub-buckets of [1, 2). */
const uppers = Float64Array.from({ length: subBuckets }, (_, at) => 2 ** ((at + 1) / subBuckets))
/** Sub-bucket in which the lowest value of each 1/256 of [1, 2) lies; the true one is it or the next. */
const firsts = Uint8Array.from({ length: 256 }, (_, at) => {
  const low = 1 + at / 256
  let bucket = 0
  while (low > (uppers[bucket] as number)) bucket++
  return bucket
})

/** Index at scale 5 of a positive, normal double. */
export function bucketOf(value: number): number {
  bits[0] = value
  const high = words[1] as number
  const exponent = (high >>> 20) - 1023
  // The significand alone, as a double in [1, 2).
  words[1] = (high & 0x000f_ffff) | 0x3ff0_0000
  const significand = bits[0]
  if (significand === 1) return exponent * subBuckets - 1
  let bucket = firsts[(high >>> 12) & 0xff] as number
  if (significand > (uppers[bucket] as number)) bucket++
  return exponent * subBuckets + bucket
}

/** Explicit bucket of `value` by search: that of the first bound that is not below it. */
function explicitOf(bounds: Float64Array, value: number): number {
  let at = 0
  while (at < bounds.length && value > (bounds[at] as number)) at++
  return at
}

/**
 * The explicit bucket of a value whose exponential one is known: a table gives that of the
 * exponential bucket's lower edge, and comparing with the next bound makes it exact.
 */
class ExplicitPlaces {
  readonly bounds: Float64Array
  readonly #first: number
  readonly #table: Uint16Array

  private constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds)
    const positive = bounds.filter((bound) => bound >= smallestNormal && Number.isFinite(bound))
    this.#first = positive.length === 0 ? 0 : bucketOf(positive[0] as number)
    const last = positive.length === 0 ? -1 : bucketOf(positive.at(-1) as number)
    this.#table = Uint16Array.from(
      { length: Math.min(tableMost, last - this.#first + 1) },
      (_, at) => explicitOf(this.bounds, 2 ** ((this.#first + at) / subBuckets)),
    )
  }

  /** Shared by all histograms with the same array of bounds. */
  static of(bounds: readonly number[]): ExplicitPlaces {
    let places = placesOf.get(bounds)
    if (!places) {
      places = new ExplicitPlaces(bounds)
      placesOf.set(bounds, places)
    }
    return places
  }

  /** The bucket of `value`, which lies in the exponential bucket `index` of scale 5. O(1). */
  of(index: number, value: number): number {
    const { bounds } = this
    const place = index - this.#first
    // Below the table lies what is below its first bound; above it, what is above its last entry.
    let at = place < 0 ? 0 : (this.#table[Math.min(place, this.#table.length - 1)] ?? 0)
    while (at < bounds.length && value > (bounds[at] as number)) at++
    // The lower edge, worked out by a power, may be off by the last bit.
    while (at > 0 && value <= (bounds[at - 1] as number)) at--
    return at
  }
}

/** Entries of a table at most: what lies above is searched for from there on. */
const tableMost = 2048
const noBounds: readonly number[] = []
const placesOf = new WeakMap<readonly number[], ExplicitPlaces>()

/** A histogram of numbers >= 0. Negative and non-finite values are refused and counted. */
export class ExponentialHistogram {
  /** Upper bounds (inclusive) of the explicit buckets; one more bucket holds what is above. */
  readonly bounds: Float64Array
  /** Counts of the explicit buckets, not cumulative; `bounds.length + 1` long. */
  readonly explicit: Float64Array
  count = 0
  sum = 0
  /** Least value; `Infinity` where nothing was recorded. */
  min: number = Number.POSITIVE_INFINITY
  max: number = Number.NEGATIVE_INFINITY
  zeroCount = 0
  /** Values that were refused: NaN, infinite or negative. */
  refused = 0
  scale: number = scaleFirst
  #counts: Float64Array = new Float64Array(32)
  /** Index of `#counts[0]`. */
  #offset = 0
  #used = false
  readonly #places: ExplicitPlaces

  /** `bounds`: ascending explicit upper bounds; may be empty. */
  constructor(bounds: readonly number[] = noBounds) {
    this.#places = ExplicitPlaces.of(bounds)
    this.bounds = this.#places.bounds
    this.explicit = new Float64Array(bounds.length + 1)
  }

  /** Adds one value. O(1), apart from rare growth. */
  record(value: number): void {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      this.refused++
      return
    }
    this.count++
    this.sum += value
    if (value < this.min) this.min = value
    if (value > this.max) this.max = value
    if (value < smallestNormal) {
      this.zeroCount++
      this.#countExplicit(explicitOf(this.bounds, value))
      return
    }
    const finest = bucketOf(value)
    this.#countExplicit(this.#places.of(finest, value))
    const index = finest >> (scaleFirst - this.scale)
    const at = index - this.#offset
    if (this.#used && at >= 0 && at < this.#counts.length) {
      this.#counts[at] = (this.#counts[at] as number) + 1
    } else this.#add(index, 1)
  }

  #countExplicit(at: number): void {
    this.explicit[at] = (this.explicit[at] as number) + 1
  }

  /** Lowest bucket index held and the counts from there on, without empty ends. O(buckets). */
  buckets(): { readonly offset: number; readonly counts: Float64Array } {
    let first = 0
    let end = this.#counts.length
    while (end > first && this.#counts[end - 1] === 0) end--
    while (first < end && this.#counts[first] === 0) first++
    return { offset: this.#offset + first, counts: this.#counts.subarray(first, end) }
  }

  /** The same values at no more than `most` buckets. O(buckets). */
  written(most: number = bucketsWritten): { scale: number; offset: number; counts: Float64Array } {
    let { offset, counts } = this.buckets()
    let scale = this.scale
    while (counts.length > most) {
      ;({ offset, counts } = halved(offset, counts))
      scale--
    }
    return { scale, offset, counts }
  }

  /** Adds all of `other`, exactly; the result has the lower of both scales. O(buckets). */
  merge(other: ExponentialHistogram): void {
    assert(other.bounds.length === this.bounds.length, 'merged histograms share their bounds')
    for (let at = 0; at < this.explicit.length; at++)
      this.explicit[at] = (this.explicit[at] as number) + (other.explicit[at] as number)
    this.count += other.count
    this.sum += other.sum
    this.zeroCount += other.zeroCount
    this.refused += other.refused
    this.min = Math.min(this.min, other.min)
    this.max = Math.max(this.max, other.max)
    while (this.scale > other.scale) this.#downscale()
    const { offset, counts } = other.buckets()
    for (let at = 0; at < counts.length; at++) {
      // Read the scale each time: growing to fit may have lowered it.
      const count = counts[at] as number
      if (count > 0) this.#add((offset + at) >> (other.scale - this.scale), count)
    }
  }

  /**
   * The `q`-quantile, 0 <= q <= 1, as the geometric middle of its bucket kept within [min, max];
   * undefined where nothing was recorded. O(buckets).
   */
  quantile(q: number): number | undefined {
    if (this.count === 0) return undefined
    const rank = Math.max(1, Math.ceil(q * this.count))
    if (rank <= this.zeroCount) return 0
    let seen = this.zeroCount
    for (let at = 0; at < this.#counts.length; at++) {
      seen += this.#counts[at] as number
      if (seen < rank) continue
      const middle = 2 ** ((this.#offset + at + 0.5) / 2 ** this.scale)
      return Math.min(this.max, Math.max(this.min, middle))
    }
    return this.max
  }

  /** Forgets everything; the scale stays. */
  clear(): void {
    this.count = this.sum = this.zeroCount = 0
    this.min = Number.POSITIVE_INFINITY
    this.max = Number.NEGATIVE_INFINITY
    this.explicit.fill(0)
    this.#counts.fill(0)
  }

  #add(index: number, count: number): void {
    let at = index
    if (!this.#used) {
      this.#used = true
      this.#offset = at - (this.#counts.length >> 1)
    }
    for (;;) {
      const low = Math.min(this.#offset, at)
      const high = Math.max(this.#offset + this.#counts.length, at + 1)
      if (high - low === this.#counts.length) break
      if (high - low <= bucketsMax) {
        this.#grow(at)
        break
      }
      const held = this.buckets()
      const span = Math.max(held.offset + held.counts.length, at + 1) - Math.min(held.offset, at)
      if (span <= bucketsMax) {
        this.#place(Math.min(held.offset, at), bucketsMax, held)
        break
      }
      this.#downscale()
      at >>= 1
    }
    const slot = at - this.#offset
    this.#counts[slot] = (this.#counts[slot] as number) + count
  }

  /** Doubles the window towards `index`, so that growth is rare. */
  #grow(index: number): void {
    const held = { offset: this.#offset, counts: this.#counts }
    const low = Math.min(held.offset, index)
    const high = Math.max(held.offset + held.counts.length, index + 1)
    const length = Math.min(bucketsMax, Math.max(held.counts.length * 2, high - low))
    this.#place(index < held.offset ? high - length : low, length, held)
  }

  #place(
    offset: number,
    length: number,
    held: { readonly offset: number; readonly counts: Float64Array },
  ): void {
    const counts = new Float64Array(length)
    counts.set(held.counts, held.offset - offset)
    this.#counts = counts
    this.#offset = offset
  }

  #downscale(): void {
    const { offset, counts } = halved(this.#offset, this.#counts)
    this.#offset = offset
    this.#counts = counts
    this.scale--
  }
}

function halved(offset: number, counts: Float64Array): { offset: number; counts: Float64Array } {
  const low = offset >> 1
  const high = (offset + counts.length - 1) >> 1
  const merged = new Float64Array(counts.length === 0 ? 0 : high - low + 1)
  for (let at = 0; at < counts.length; at++) {
    const slot = ((offset + at) >> 1) - low
    merged[slot] = (merged[slot] as number) + (counts[at] as number)
  }
  return { offset: low, counts: merged }
}
