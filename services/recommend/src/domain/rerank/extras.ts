import type { Catalogue } from '../catalogue.ts'
import type { RerankInput, RerankRules } from './rerank.ts'

/** Places that are given away by the shop, by item id. */
export interface PlacementRules {
  readonly pinned: readonly { readonly itemId: string; readonly position: number }[]
  readonly sponsored: readonly string[]
  readonly sponsoredPositions: readonly number[]
}

/** New items that are tried at the same time. */
const triableMax = 16
/** New items looked through for those that may be shown. */
const lookedAtMax = 200

/**
 * What a list may hold beside the ranking: pinned and sponsored items, and the newest ones to try.
 * Items that may not be shown to this user are left out here, so no rule can bring them back.
 */
export function extrasOf(from: {
  readonly placements: PlacementRules | undefined
  readonly rules: RerankRules
  readonly catalogue: Catalogue
  readonly allowed: (item: number) => boolean
}): Pick<RerankInput, 'pinned' | 'sponsored' | 'triable'> {
  const { placements, rules, catalogue, allowed } = from
  const number = (itemId: string): number[] => {
    const found = catalogue.numberOf(itemId)
    return found !== undefined && allowed(found) ? [found] : []
  }
  const triable: number[] = []
  if (rules.exploration.kind !== 'off') {
    const last = Math.max(0, catalogue.size - lookedAtMax)
    for (let item = catalogue.size - 1; item >= last && triable.length < triableMax; item--)
      if (allowed(item)) triable.push(item)
  }
  if (placements === undefined) return { triable }
  return {
    triable,
    pinned: placements.pinned.flatMap(({ itemId, position }) =>
      number(itemId).map((item) => ({ item, position })),
    ),
    sponsored: {
      items: placements.sponsored.flatMap(number),
      positions: placements.sponsoredPositions,
    },
  }
}
