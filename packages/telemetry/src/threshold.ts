/**
 * The OpenTelemetry sampling rule: a trace is kept where its randomness R (the last 56 bits of the
 * trace id, or `rv`) is at or above a rejection threshold T = round((1 - p) * 2^56). The same
 * comparison on every hop keeps traces whole; T travels as `ot=th:` in tracestate, so 1/p (the
 * adjusted count) is known to whoever reads the span.
 *
 * A 56-bit number does not fit a double, and BigInt costs ten times the comparison: T and R are
 * held as 24 high and 32 low bits.
 *
 * Source: OpenTelemetry specification, "TraceState: Probability Sampling".
 */

/** A rejection threshold. Frozen; two thresholds are compared by `high`, then `low`. */
export interface Threshold {
  /** Upper 24 of the 56 bits. */
  readonly high: number
  /** Lower 32 of the 56 bits. */
  readonly low: number
  /** As written after `th:`: hex digits without trailing zeros; `0` keeps everything. */
  readonly text: string
  /** Share of traces kept, in (0, 1]. */
  readonly probability: number
}

const two56 = 72_057_594_037_927_936
const digitsMost = 14

/** Keeps everything: `th:0`. */
export const keepAll: Threshold = Object.freeze({ high: 0, low: 0, text: '0', probability: 1 })

/** Smallest share that can be written: one trace in 2^56. */
export const probabilityMin: number = 1 / two56

/**
 * The threshold for `probability`, clamped to [2^-56, 1], with `precision` significant hex digits
 * after the leading f's (or zeros), as the specification's reference does. 4 keeps within 0.002 %.
 */
export function thresholdOf(probability: number, precision = 4): Threshold {
  const share = Math.min(1, Math.max(probabilityMin, probability))
  if (share === 1) return keepAll
  const digits = Math.min(
    digitsMost,
    Math.max(
      precision + Math.trunc(exponentOf(share) / -4),
      precision + Math.trunc(exponentOf(1 - share) / -4),
    ),
  )
  const shift = BigInt(4 * (digitsMost - digits))
  let rejected = BigInt(two56) - BigInt(Math.round(share * two56))
  if (shift > 0n) rejected = ((rejected + (1n << (shift - 1n))) >> shift) << shift
  if (rejected >= BigInt(two56)) rejected = BigInt(two56) - 1n
  return fromBits(rejected)
}

/** Reads the text after `th:`; undefined where it is not 1 to 14 lower-case hex digits. */
export function parseThreshold(text: string): Threshold | undefined {
  if (text === '0') return keepAll
  if (!/^[0-9a-f]{1,14}$/.test(text)) return undefined
  return fromBits(BigInt(`0x${text.padEnd(digitsMost, '0')}`))
}

/** True where randomness (`high` 24 bits, `low` 32 bits) is at or above `threshold`. */
export function keeps(threshold: Threshold, high: number, low: number): boolean {
  return high > threshold.high || (high === threshold.high && low >= threshold.low)
}

/** The threshold that keeps less. */
export function higher(one: Threshold, other: Threshold): Threshold {
  return keeps(one, other.high, other.low) ? other : one
}

/** How many traces a kept one stands for: 1 / probability. */
export function adjustedCount(threshold: Threshold): number {
  return 1 / threshold.probability
}

function fromBits(rejected: bigint): Threshold {
  const text = rejected.toString(16).padStart(digitsMost, '0').replace(/0+$/, '')
  return Object.freeze({
    high: Number(rejected >> 32n),
    low: Number(rejected & 0xffff_ffffn),
    text: text === '' ? '0' : text,
    probability: Number(BigInt(two56) - rejected) / two56,
  })
}

/** The exponent e of x = m * 2^e with m in [0.5, 1), as C's frexp gives it. */
function exponentOf(x: number): number {
  let exponent = Math.floor(Math.log2(x)) + 1
  while (x / 2 ** exponent >= 1) exponent++
  while (x / 2 ** exponent < 0.5) exponent--
  return exponent
}
