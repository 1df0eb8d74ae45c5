import type { History } from '../history.ts'

/**
 * How much each of a user's past items says about the next one. `position`: g^k for the k-th item
 * from the end; `time`: 2^(-age / halfLife); `uniform`: all alike.
 */
export type Profile =
  | { readonly kind: 'uniform' }
  | { readonly kind: 'position'; readonly factor: number }
  | { readonly kind: 'time'; readonly halfLifeMs: number }

/** Distinct items of a history with their weights, the latest first. */
export interface WeightedItems {
  readonly items: readonly number[]
  readonly weights: readonly number[]
}

/** Below this an item's voice cannot be heard any more. */
const weightMin = 1e-4

/**
 * The history seen through `profile`: each item once, at its latest event, at most `itemsMax`.
 */
export function weigh(
  history: History,
  profile: Profile,
  nowMs: number,
  itemsMax = 1000,
): WeightedItems {
  const items: number[] = []
  const weights: number[] = []
  const met = new Set<number>()
  for (let at = history.items.length - 1; at >= 0 && items.length < itemsMax; at--) {
    const item = history.items[at] as number
    if (met.has(item)) continue
    met.add(item)
    const weight = weightOf(profile, items.length, nowMs - (history.timesMs[at] as number))
    // The latest item always speaks, however long ago: a user who comes back is not a stranger.
    if (weight < weightMin && items.length > 0) break
    items.push(item)
    weights.push(Math.max(weight, weightMin))
  }
  return { items, weights }
}

function weightOf(profile: Profile, position: number, ageMs: number): number {
  switch (profile.kind) {
    case 'uniform':
      return 1
    case 'position':
      return profile.factor ** position
    case 'time':
      return 2 ** (-Math.max(0, ageMs) / profile.halfLifeMs)
  }
}
