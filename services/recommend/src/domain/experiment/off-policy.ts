import type { Estimate } from './statistics.ts'

/** One logged choice, seen by the policy that is to be estimated. */
export interface LoggedChoice {
  /** Chance the logging policy gave to what it chose; above 0. */
  readonly propensity: number
  /** Chance the other policy would have given to it. */
  readonly target: number
  readonly reward: number
  /** Reward a model expects of what was chosen; 0 where there is none. */
  readonly expected: number
  /** Reward the model expects of the other policy in this situation. */
  readonly expectedOfTarget: number
}

/** What is needed before anything is said. */
export interface Evidence {
  readonly rewardsMin: number
  /** Effective sample size: (sum w)^2 / sum w^2. */
  readonly effectiveMin: number
}

/** Shipped bounds. */
export const evidence: Evidence = { rewardsMin: 100, effectiveMin: 200 }

/** Estimates of the mean reward of another policy, or why there is none. */
export type OffPolicy =
  | {
      readonly kind: 'estimated'
      readonly choices: number
      readonly effective: number
      readonly ips: Estimate
      readonly snips: Estimate
      readonly doublyRobust: Estimate
    }
  | { readonly kind: 'too_little_evidence'; readonly choices: number; readonly why: string }

const z = 1.959964

/**
 * Inverse propensity scoring (Horvitz and Thompson, 1952), its self-normalised form (Swaminathan
 * and Joachims, 2015) and the doubly robust estimate (Dudik, Langford and Li, 2011), each with its
 * normal 95 % interval. Says nothing below the evidence asked for: small logs rank policies wrongly.
 */
export function estimatePolicy(
  log: readonly LoggedChoice[],
  needed: Evidence = evidence,
): OffPolicy {
  const choices = log.length
  let weights = 0
  let squares = 0
  let rewards = 0
  let gain = 0
  for (const { propensity, target, reward } of log) {
    const weight = target / propensity
    weights += weight
    squares += weight * weight
    gain += weight * reward
    if (reward > 0 && target > 0) rewards++
  }
  const effective = squares === 0 ? 0 : (weights * weights) / squares
  if (rewards < needed.rewardsMin || effective < needed.effectiveMin) {
    const why = `${rewards} rewarded choices the policy could have made (${needed.rewardsMin} needed), an effective sample of ${Math.floor(effective)} (${needed.effectiveMin} needed)`
    return { kind: 'too_little_evidence', choices, why }
  }
  const weighted = log.map(({ propensity, target, reward }) => (target / propensity) * reward)
  const robust = log.map(
    ({ propensity, target, reward, expected, expectedOfTarget }) =>
      expectedOfTarget + (target / propensity) * (reward - expected),
  )
  const ratio = gain / weights
  let residuals = 0
  for (const { propensity, target, reward } of log)
    residuals += ((target / propensity) * (reward - ratio)) ** 2
  const half = (z * Math.sqrt(residuals)) / weights
  return {
    kind: 'estimated',
    choices,
    effective,
    ips: meanOf(weighted),
    snips: { value: ratio, low: ratio - half, high: ratio + half },
    doublyRobust: meanOf(robust),
  }
}

function meanOf(values: readonly number[]): Estimate {
  const count = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const half = z * Math.sqrt(squares / (count - 1) / count)
  return { value: mean, low: mean - half, high: mean + half }
}
