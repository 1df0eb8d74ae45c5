/**
 * GCRA, the generic cell rate algorithm (ITU-T I.371 annex A, virtual scheduling), pure.
 *
 * A key holds one number: the theoretical arrival time (TAT) of its next request. A request is
 * allowed where TAT, pushed on by one interval, is not further ahead than the burst allows.
 * In any window of w ms at most `burst + floor(w * count / perMs)` requests pass.
 *
 * Time is counted in ticks of 1/count ms, so that one request costs exactly `perMs` ticks and all
 * arithmetic is on whole numbers: a fraction such as 3/s never drifts.
 */

/** `count` requests in `perMs` ms, steadily. */
export interface Rate {
  /** Whole number from 1 to 1,000,000. */
  readonly count: number
  /** Whole ms from 1 to 86,400,000. */
  readonly perMs: number
}

/** A rule in ticks. */
export interface Gcra {
  /** Ticks in one ms. */
  readonly ticksPerMs: number
  /** Ticks one request costs. */
  readonly interval: number
  /** Ticks a key may be ahead of now. */
  readonly tolerance: number
  readonly burst: number
}

/** What a key is told. */
export type GcraDecision =
  | {
      readonly kind: 'allowed'
      /** The key's TAT from now on. */
      readonly tat: number
      /** Requests that would pass at once after this one. */
      readonly remaining: number
    }
  | {
      readonly kind: 'limited'
      /** Ms until a request of this cost passes; Infinity where its cost exceeds the burst. */
      readonly retryAfterMs: number
    }

/** The rule for `rate` with bursts of `burst` (>= 1). */
export function gcra(rate: Rate, burst: number): Gcra {
  const shared = commonDivisor(rate.count, rate.perMs)
  const ticksPerMs = rate.count / shared
  const interval = rate.perMs / shared
  return { ticksPerMs, interval, tolerance: burst * interval, burst }
}

/** Decides for a key whose TAT is `tat` (0 for a new one) at `nowMs`, a whole number. */
export function decide(rule: Gcra, tat: number, nowMs: number, cost = 1): GcraDecision {
  const now = nowMs * rule.ticksPerMs
  const next = Math.max(tat, now) + cost * rule.interval
  const ahead = next - now
  if (ahead > rule.tolerance) {
    const retryAfterMs =
      cost > rule.burst
        ? Number.POSITIVE_INFINITY
        : Math.ceil((ahead - rule.tolerance) / rule.ticksPerMs)
    return { kind: 'limited', retryAfterMs }
  }
  return {
    kind: 'allowed',
    tat: next,
    remaining: Math.floor((rule.tolerance - ahead) / rule.interval),
  }
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b)
}

/** `10/s`, `100/m`, `5/10s`, `1/250ms`; undefined for anything else. */
export function parseRate(text: string): Rate | undefined {
  const match = /^(\d{1,7})\/(\d{0,8})(ms|s|m|h|d)$/.exec(text)
  if (!match) return undefined
  const count = Number(match[1])
  const perMs = (match[2] === '' ? 1 : Number(match[2])) * (unitMs[match[3] as string] as number)
  if (count < 1 || count > 1_000_000 || perMs < 1 || perMs > 86_400_000) return undefined
  return { count, perMs }
}

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
