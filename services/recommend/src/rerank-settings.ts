import { choice, decimal, duration, integer, list, type TableOf } from '@spate/runtime/settings'
import type { PlacementRules } from './domain/rerank/extras.ts'
import type { RerankRules } from './domain/rerank/rerank.ts'

/** Settings of what happens to a ranking before it is shown. */
export interface RerankSettings {
  readonly diversity: 'off' | 'mmr' | 'dpp'
  readonly diversityWeight: number
  readonly quota: readonly string[]
  readonly freshSlots: number
  readonly freshFor: number
  readonly pinned: readonly string[]
  readonly sponsored: readonly string[]
  readonly sponsoredPositions: readonly string[]
  readonly exploration: 'off' | 'epsilon' | 'thompson'
  readonly explorationShare: number
}

/** Rows of `RerankSettings`; all off, so that what is measured is what is served. */
export const rerankSettings: TableOf<RerankSettings> = {
  diversity: choice(
    'off',
    ['off', 'mmr', 'dpp'],
    'How lists are kept varied: maximal marginal relevance, or a determinantal point process',
  ),
  diversityWeight: decimal(0.3, 0, 1, 'From 0, relevance alone, to 1, variety alone'),
  quota: list(
    [],
    'Most items of a list that share a value: category=3, or brand=2 by tags brand:...',
    {
      pattern: /^[A-Za-z][\w.-]{0,39}=(?:[1-9]\d?|1\d\d|200)$/,
      expected: 'entries like category=3, each from 1 to 200',
    },
  ),
  freshSlots: integer(0, 0, 200, 'Places of a list that go to newly published items'),
  freshFor: duration(7 * 86_400_000, 1000, 3650 * 86_400_000, 'How long an item counts as new'),
  pinned: list([], 'Items with a place of their own in every list: itemId@place', {
    pattern: /^.{1,200}@(?:[1-9]\d?|1\d\d|200)$/,
    expected: 'entries like mug@1, each place from 1 to 200',
  }),
  sponsored: list([], 'Items that stand in the sold places, in this order, named as sponsored'),
  sponsoredPositions: list([], 'Places that are sold, the first is 1', {
    pattern: /^(?:[1-9]\d?|1\d\d|200)$/,
    expected: 'whole numbers from 1 to 200',
  }),
  exploration: choice(
    'off',
    ['off', 'epsilon', 'thompson'],
    'How new items are tried: evenly, or by the chance that they are the best',
  ),
  explorationShare: decimal(0.05, 0, 1, 'Chance of each place to go to an item that is tried'),
}

/** The rules as the settings have them. */
export function rulesOf(settings: RerankSettings): RerankRules {
  return {
    diversity: { kind: settings.diversity, weight: settings.diversityWeight },
    quotas: settings.quota.map((entry) => {
      const [attribute = '', most] = entry.split('=')
      return { attribute, most: Number(most) }
    }),
    freshSlots: settings.freshSlots,
    freshMs: settings.freshFor,
    exploration: { kind: settings.exploration, share: settings.explorationShare },
  }
}

/** Places given away, as the settings have them. */
export function placementsOf(settings: RerankSettings): PlacementRules {
  return {
    pinned: settings.pinned.map((entry) => {
      const at = entry.lastIndexOf('@')
      return { itemId: entry.slice(0, at), position: Number(entry.slice(at + 1)) }
    }),
    sponsored: settings.sponsored,
    sponsoredPositions: settings.sponsoredPositions.map(Number),
  }
}
