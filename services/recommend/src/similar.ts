import { addNormalised, topOf } from './domain/recall/blend.ts'
import type { Models } from './domain/recall/knowledge.ts'
import { scoreLinear } from './domain/recall/linear-model.ts'
import { Scores } from './domain/recall/scores.ts'
import type { RecommendState } from './domain/state.ts'

/** What a similarity question needs. */
export interface SimilarQuery {
  readonly state: RecommendState
  readonly models: Models
  readonly most: number
  readonly nowMs: number
}

/** One neighbour. */
export interface SimilarItem {
  readonly itemId: string
  readonly title: string
  readonly score: number
}

/** Items that go with item `number`, by all item-to-item tables together, best first. */
export function similarItems(number: number, query: SimilarQuery): SimilarItem[] {
  const { state, models, most } = query
  const items = state.catalogue.size
  const total = new Scores(items)
  const one = new Scores(items)
  const history = { items: [number], weights: [1] }
  for (const model of [models.ease, models.walk]) {
    if (!model) continue
    scoreLinear(model, history, one)
    addNormalised(total, one, 1, items)
    one.clear()
  }
  for (const [item, weight] of state.covisitation.row(number) ?? [])
    one.add(item, weight * state.covisitation.damping(item))
  addNormalised(total, one, 1, items)
  const allowed = (item: number): boolean => item !== number && state.catalogue.showable(item)
  return topOf(total, most, allowed).flatMap(({ item, score }) => {
    const found = state.catalogue.at(item)
    return found && score > 0 ? [{ itemId: found.itemId, title: found.title, score }] : []
  })
}
