/** An estimate with its 95 % interval. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

const z = 1.959964

/** Share `yes` of `count` with Wilson's interval (1927), which stays within [0, 1]. */
export function wilson(yes: number, count: number): Estimate {
  if (count === 0) return { value: 0, low: 0, high: 1 }
  const share = yes / count
  const z2 = z * z
  const scale = 1 + z2 / count
  const centre = (share + z2 / (2 * count)) / scale
  const half = (z * Math.sqrt((share * (1 - share)) / count + z2 / (4 * count * count))) / scale
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) }
}

/** Sums over users from which a ratio and its spread follow. */
export interface RatioSums {
  readonly users: number
  readonly above: number
  readonly below: number
  readonly aboveSquares: number
  readonly belowSquares: number
  readonly products: number
}

/**
 * A ratio of sums over users, say clicks over lists, with the interval of the delta method: lists
 * of one user are not independent, users are (Deng, Knoblich and Lu, 2018).
 */
export function ratioOf(sums: RatioSums): Estimate {
  const { users, above, below } = sums
  if (below === 0) return { value: 0, low: 0, high: 0 }
  const value = above / below
  const squares = sums.aboveSquares - 2 * value * sums.products + value * value * sums.belowSquares
  // Residuals sum to 0 by construction, so their squares alone are the variance.
  const half = users < 2 ? Infinity : (z * Math.sqrt((squares * users) / (users - 1))) / below
  return { value, low: value - half, high: value + half }
}

/** Chance of a chi-square this large or larger; `degrees` of freedom (Wilson and Hilferty, 1931, above 30 terms exact). */
export function chiSquareTail(value: number, degrees: number): number {
  if (value <= 0) return 1
  // Upper incomplete gamma by its series below, and by recurrence: exact for whole degrees.
  const x = value / 2
  let term: number
  let sum: number
  if (degrees % 2 === 0) {
    term = Math.exp(-x)
    sum = term
    for (let k = 1; k < degrees / 2; k++) {
      term *= x / k
      sum += term
    }
    return Math.min(1, sum)
  }
  sum = complementaryError(Math.sqrt(x))
  term = Math.exp(-x) * Math.sqrt(x / Math.PI) * 2
  for (let k = 1; k < degrees; k += 2) {
    sum += term
    term *= (2 * x) / (k + 2)
  }
  return Math.min(1, Math.max(0, sum))
}

/** erfc for x >= 0 (Numerical Recipes' rational Chebyshev fit; relative error below 1.2e-7). */
function complementaryError(x: number): number {
  const t = 1 / (1 + x / 2)
  const c = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398,
    1.48851587, -0.82215223, 0.17087277,
  ]
  return t * Math.exp(-x * x + c.reduceRight((sum, each) => sum * t + each, 0))
}

/** Whether users fell to the variants as they should: a small `p` says that the split is broken. */
export function sampleRatio(
  users: readonly number[],
  shares: readonly number[],
): { readonly chiSquare: number; readonly p: number; readonly suspect: boolean } {
  const all = users.reduce((sum, count) => sum + count, 0)
  const total = shares.reduce((sum, share) => sum + share, 0)
  let chiSquare = 0
  users.forEach((count, at) => {
    const expected = (all * (shares[at] as number)) / total
    if (expected > 0) chiSquare += (count - expected) ** 2 / expected
  })
  const p = all === 0 || users.length < 2 ? 1 : chiSquareTail(chiSquare, users.length - 1)
  return { chiSquare, p, suspect: p < 0.001 }
}
