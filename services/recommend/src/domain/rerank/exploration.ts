import type { Chance } from '@spate/runtime/chance'

/** How a list tries what it knows little of. */
export interface ExplorationRule {
  readonly kind: 'off' | 'epsilon' | 'thompson'
  /** Chance of each place in a list to be given to an item that is being tried. */
  readonly share: number
}

/** What is known of an item that could be tried. */
export interface Arm {
  /** Times shown. */
  readonly shown: number
  /** Times chosen after being shown. */
  readonly chosen: number
}

/** Points at which beliefs are compared. */
const points = 48
/** Share of the draw that is spread evenly, so that no arm's chance is 0. */
const evenShare = 0.05
/** Showings that the prior is worth. */
const priorShown = 10

/**
 * Chance of each arm to be tried next; all are above 0 and they sum to 1. `epsilon`: all alike.
 * `thompson`: the chance that the arm is the best of them (probability matching: Thompson, 1933),
 * by its belief Beta(chosen + prior, missed + prior) taken as a normal curve, worked out and not
 * drawn, so that the chance of what was shown is known exactly. `rate`: the mean of all arms ever.
 */
export function armChances(
  kind: 'epsilon' | 'thompson',
  arms: readonly Arm[],
  rate: number,
): Float64Array {
  const out = new Float64Array(arms.length)
  if (kind === 'epsilon' || arms.length === 1) return out.fill(1 / arms.length)
  const means = new Float64Array(arms.length)
  const deviations = new Float64Array(arms.length)
  let low = Infinity
  let high = -Infinity
  const prior = Math.min(0.99, Math.max(rate, 1e-4))
  arms.forEach(({ shown, chosen }, at) => {
    const a = Math.min(chosen, shown) + prior * priorShown
    const b = Math.max(0, shown - chosen) + (1 - prior) * priorShown
    const mean = (means[at] = a / (a + b))
    const deviation = (deviations[at] = Math.sqrt((a * b) / ((a + b) ** 2 * (a + b + 1))))
    low = Math.min(low, mean - 4 * deviation)
    high = Math.max(high, mean + 4 * deviation)
  })
  let sum = 0
  for (let point = 0; point < points; point++) {
    const x = low + ((point + 0.5) * (high - low)) / points
    let logAll = 0
    for (let at = 0; at < arms.length; at++)
      logAll += Math.log(below((x - (means[at] as number)) / (deviations[at] as number)))
    for (let at = 0; at < arms.length; at++) {
      const z = (x - (means[at] as number)) / (deviations[at] as number)
      const density = Math.exp(-0.5 * z * z) / (deviations[at] as number)
      const gain = density * Math.exp(logAll - Math.log(below(z)))
      out[at] = (out[at] as number) + gain
      sum += gain
    }
  }
  for (let at = 0; at < arms.length; at++) {
    const best = sum > 0 ? (out[at] as number) / sum : 1 / arms.length
    out[at] = (1 - evenShare) * best + evenShare / arms.length
  }
  return out
}

/** Draws an index by `chances`, which sum to 1. */
export function draw(chances: Float64Array, chance: Chance): number {
  let left = chance.float()
  for (let at = 0; at < chances.length; at++) {
    left -= chances[at] as number
    if (left < 0) return at
  }
  return chances.length - 1
}

/** Normal distribution function, never 0 (Zelen and Severo 26.2.17; error below 1e-7). */
function below(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z))
  const tail =
    0.398942280401 *
    Math.exp(-0.5 * z * z) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return Math.max(z > 0 ? 1 - tail : tail, 1e-30)
}
