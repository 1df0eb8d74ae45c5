import type { Catalogue } from '../catalogue.ts'
import type { History } from '../history.ts'

/** What a request allows. Ids nobody knows match nothing. */
export interface CandidateRules {
  readonly candidates?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
  readonly categories?: readonly string[] | undefined
  readonly tags?: readonly string[] | undefined
  readonly priceMin?: number | undefined
  readonly priceMax?: number | undefined
  readonly seen: 'exclude' | 'include'
}

/**
 * True for items that may be shown: not hidden, not sold out, and within the request's own rules.
 * An item without a price passes no price rule. O(1) a call after O(rules + history).
 */
export function candidateFilter(
  catalogue: Catalogue,
  history: History,
  rules: CandidateRules,
): (item: number) => boolean {
  const numbers = (ids: readonly string[]): Set<number> =>
    new Set(ids.map((itemId) => catalogue.numberOf(itemId) ?? -1))
  const only = rules.candidates && numbers(rules.candidates)
  const not = numbers(rules.exclude ?? [])
  if (rules.seen === 'exclude') for (const item of history.items) not.add(item)
  const categories = rules.categories && new Set(rules.categories)
  const tags = rules.tags && new Set(rules.tags)
  const asksItem = categories ?? tags ?? rules.priceMin ?? rules.priceMax
  if (!only && asksItem === undefined)
    return (number) => catalogue.showable(number) && !not.has(number)
  return (number) => {
    if (not.has(number) || (only && !only.has(number)) || !catalogue.showable(number)) return false
    const item = catalogue.at(number)
    if (item === undefined) return false
    if (categories && !item.categories.some((each) => categories.has(each))) return false
    if (tags && !item.tags.some((each) => tags.has(each))) return false
    if (rules.priceMin !== undefined && !((item.price ?? -1) >= rules.priceMin)) return false
    return rules.priceMax === undefined || (item.price ?? Infinity) <= rules.priceMax
  }
}
