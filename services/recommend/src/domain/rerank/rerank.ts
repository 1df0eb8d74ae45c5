import type { Chance } from '@spate/runtime/chance'
import type { Catalogue } from '../catalogue.ts'
import type { Ranked } from '../recall/blend.ts'
import { objectiveOf, type DiversityRule, type Objective } from './diversity.ts'
import { armChances, draw, type Arm, type ExplorationRule } from './exploration.ts'
import type { Likeness, Vectors } from './likeness.ts'
import { QuotaBook, type Quota } from './quota.ts'

/** Rules on a finished list. All off by default: what is measured is what is served. */
export interface RerankRules {
  readonly diversity: DiversityRule
  readonly quotas: readonly Quota[]
  /** Places, spread over the list, that go to items published within `freshMs`. */
  readonly freshSlots: number
  readonly freshMs: number
  readonly exploration: ExplorationRule
}

/** No rules: the best in order. */
export const noRules: RerankRules = {
  diversity: { kind: 'off', weight: 0 },
  quotas: [],
  freshSlots: 0,
  freshMs: 0,
  exploration: { kind: 'off', share: 0 },
}

/** How an item came into the list. */
export type Placement = 'ranked' | 'fresh' | 'pinned' | 'sponsored' | 'explored'

/** One place of a list. */
export interface Placed extends Ranked {
  readonly placement: Placement
  /** Chance this item had of being at this place, given those before it: above 0, at most 1. */
  readonly propensity: number
}

/** What lists are made from. All items must have passed the request's filters. */
export interface RerankInput {
  /** Best first. */
  readonly ranked: readonly Ranked[]
  readonly most: number
  readonly catalogue: Catalogue
  readonly likeness: Likeness
  readonly nowMs: number
  /** Items with a place of their own, from 1; a place past the end of the list is the last one. */
  readonly pinned?: readonly { readonly item: number; readonly position: number }[]
  /** Items somebody pays for, and the places, from 1, that are sold. */
  readonly sponsored?: { readonly items: readonly number[]; readonly positions: readonly number[] }
  /** Items that could be tried, and what is known of them. */
  readonly triable?: readonly number[]
  readonly armOf?: (item: number) => Arm
  /** Share of showings that were followed up, over all items. */
  readonly rate?: number
  readonly chance: Chance
}

/** Candidates that variety is looked for among. */
const depth = 200

/**
 * The list that is shown, place by place: pinned and sponsored items where they are due, else the
 * candidate that adds most (relevance, or relevance and variety), within the quotas; now and then
 * an item that is being tried. Quotas are kept even where the list gets shorter by it.
 */
export function rerank(input: RerankInput, rules: RerankRules = noRules): readonly Placed[] {
  const { ranked, most } = input
  const plain =
    rules.diversity.kind === 'off' &&
    rules.quotas.length === 0 &&
    rules.freshSlots === 0 &&
    (rules.exploration.kind === 'off' || !input.triable?.length) &&
    !input.pinned?.length &&
    !input.sponsored?.items.length
  if (plain)
    return ranked
      .slice(0, most)
      .map(({ item, score }) => ({ item, score, placement: 'ranked', propensity: 1 }))
  return new Slate(input, rules).fill()
}

interface Taken {
  readonly at: number
  readonly placement: Placement
  readonly propensity: number
}

/** A list under construction. */
class Slate {
  readonly #input: RerankInput
  readonly #rules: RerankRules
  readonly #items: number[]
  readonly #scores: number[]
  /** Candidates before this are ranked; those after it are only pinned, sponsored or tried. */
  readonly #rankedCount: number
  readonly #free: Uint8Array
  readonly #objective: Objective
  readonly #quotas: QuotaBook
  /** Place of a pinned, sponsored or tried item among the candidates. */
  readonly #places = new Map<number, number>()
  #fresh = 0
  readonly #pins = new Map<number, number>()

  constructor(input: RerankInput, rules: RerankRules) {
    const { ranked, most, catalogue } = input
    this.#input = input
    this.#rules = rules
    const within = Math.min(ranked.length, Math.max(depth, 2 * most))
    this.#items = []
    this.#scores = []
    for (let at = 0; at < within; at++) {
      const { item, score } = ranked[at] as Ranked
      this.#items.push(item)
      this.#scores.push(score)
    }
    this.#rankedCount = within
    const low = Math.min(0, this.#scores.at(-1) ?? 0)
    const others = [
      ...(input.pinned ?? []).map(({ item }) => item),
      ...(input.sponsored?.items ?? []),
      ...(input.triable ?? []),
    ]
    if (others.length > 0) this.#items.forEach((item, at) => this.#places.set(item, at))
    for (const item of others) {
      if (this.#places.has(item)) continue
      this.#places.set(item, this.#items.length)
      this.#items.push(item)
      this.#scores.push(low)
    }
    this.#free = new Uint8Array(this.#items.length).fill(1)
    this.#quotas = new QuotaBook(rules.quotas, this.#items, catalogue)
    const relevance = relevanceOf(this.#scores)
    const vectors = (): Vectors => input.likeness.vectorsOf(this.#items)
    this.#objective = objectiveOf(rules.diversity, relevance, vectors, most)
    this.#reservePins()
  }

  fill(): readonly Placed[] {
    const { most } = this.#input
    const list: Placed[] = []
    for (let place = 1; place <= most; place++) {
      const pick = this.#pinned(place) ?? this.#sponsored(place) ?? this.#best(place)
      if (pick === undefined) continue
      const { at, placement, propensity } = pick
      if (placement === 'fresh') this.#fresh++
      if (placement !== 'pinned') {
        this.#free[at] = 0
        this.#quotas.enter(at)
      }
      this.#objective.take(at)
      list.push({
        item: this.#items[at] as number,
        score: this.#scores[at] as number,
        placement,
        propensity,
      })
    }
    return list
  }

  /** Pins enter the quotas first, so that nothing chosen before a pin's place can push it out. */
  #reservePins(): void {
    for (const { item, position } of this.#input.pinned ?? []) {
      const at = this.#places.get(item) as number
      let place = Math.min(position, this.#input.most)
      while (this.#pins.has(place)) place--
      if (place < 1 || this.#free[at] === 0 || !this.#quotas.allows(at)) continue
      this.#pins.set(place, at)
      this.#free[at] = 0
      this.#quotas.enter(at)
    }
  }

  #pinned(place: number): Taken | undefined {
    const at = this.#pins.get(place)
    return at === undefined ? undefined : { at, placement: 'pinned', propensity: 1 }
  }

  #sponsored(place: number): Taken | undefined {
    const { sponsored } = this.#input
    if (!sponsored?.positions.includes(place)) return undefined
    for (const item of sponsored.items) {
      const at = this.#places.get(item) as number
      if (this.#open(at)) return { at, placement: 'sponsored', propensity: 1 }
    }
    return undefined
  }

  #best(place: number): Taken | undefined {
    // Spread over the list; what a pin or a sold place took away is made up for afterwards.
    const due = Math.floor((place * this.#rules.freshSlots) / this.#input.most) > this.#fresh
    let greedy = due ? this.#greatest(true) : -1
    const placement = greedy >= 0 ? 'fresh' : 'ranked'
    if (greedy < 0) greedy = this.#greatest(false)
    const { kind, share } = this.#rules.exploration
    if (kind === 'off' || share === 0)
      return greedy < 0 ? undefined : { at: greedy, placement, propensity: 1 }
    const { triable = [], chance, armOf, rate = 0.05 } = this.#input
    const arms = triable
      .map((item) => this.#places.get(item) as number)
      .filter((at) => at !== greedy && this.#open(at))
    if (arms.length === 0) return greedy < 0 ? undefined : { at: greedy, placement, propensity: 1 }
    const explores = greedy < 0 ? 1 : share
    if (chance.float() >= explores) return { at: greedy, placement, propensity: 1 - explores }
    const known = arms.map((at) => armOf?.(this.#items[at] as number) ?? unknownArm)
    const chances = armChances(kind, known, rate)
    const drawn = draw(chances, chance)
    return {
      at: arms[drawn] as number,
      placement: 'explored',
      propensity: explores * (chances[drawn] as number),
    }
  }

  #open(at: number): boolean {
    return this.#free[at] === 1 && this.#quotas.allows(at)
  }

  /** The free ranked candidate, fresh where asked, with the greatest gain; -1 where none is left. Ties: the better ranked. */
  #greatest(fresh: boolean): number {
    const { gains } = this.#objective
    const free = this.#free
    let best = -1
    let most = -Infinity
    for (let at = 0; at < this.#rankedCount; at++) {
      // A bound that does not reach cannot win; only those that do are worked out.
      if (free[at] === 0 || (gains[at] as number) <= most) continue
      if (!this.#quotas.allows(at) || (fresh && !this.#isFresh(at))) continue
      this.#objective.refresh(at)
      const gain = gains[at] as number
      if (gain <= most) continue
      most = gain
      best = at
    }
    return best
  }

  #isFresh(at: number): boolean {
    const { catalogue, nowMs } = this.#input
    const published = catalogue.at(this.#items[at] as number)?.publishedAtMs
    return published !== undefined && published <= nowMs && nowMs - published <= this.#rules.freshMs
  }
}

const unknownArm: Arm = { shown: 0, chosen: 0 }

/** Scores brought to 0 to 1. */
function relevanceOf(scores: readonly number[]): Float64Array {
  let low = Infinity
  let high = -Infinity
  for (const score of scores) {
    if (score < low) low = score
    if (score > high) high = score
  }
  const span = high - low
  const relevance = new Float64Array(scores.length)
  for (let at = 0; at < scores.length; at++)
    relevance[at] = span > 0 ? ((scores[at] as number) - low) / span : 1
  return relevance
}
