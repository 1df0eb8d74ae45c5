import type { Catalogue } from './catalogue.ts'
import type { Ranked } from './recall/blend.ts'

/** Rules on a finished list. All off by default: what is measured is what is served. */
export interface RerankOptions {
  /** Most items of one (first) category in a list; absent: no bound. */
  readonly categoryMax?: number
}

/**
 * The list that is shown: the best `most` of `ranked` in order, keeping to the quota; items over
 * the quota come last, only where nothing else is left.
 */
export function rerank(
  ranked: readonly Ranked[],
  most: number,
  catalogue: Catalogue,
  options: RerankOptions = {},
): readonly Ranked[] {
  const { categoryMax } = options
  if (categoryMax === undefined) return ranked.slice(0, most)
  const counts = new Map<string, number>()
  const chosen: Ranked[] = []
  const over: Ranked[] = []
  for (const each of ranked) {
    if (chosen.length === most) break
    const category = catalogue.at(each.item)?.categories[0] ?? ''
    const count = counts.get(category) ?? 0
    if (count >= categoryMax) {
      over.push(each)
      continue
    }
    counts.set(category, count + 1)
    chosen.push(each)
  }
  return [...chosen, ...over.slice(0, most - chosen.length)]
}
