import { decimal, duration, integer, type TableOf } from '@spate/runtime/settings'
import { onlineRankerDefaults, type OnlineRankerOptions } from './domain/rank/online-ranker.ts'

/** Settings of ranking and of what it learns from. */
export interface RankSettings {
  readonly rankDepth: number
  readonly servedListsPerSecond: number
  readonly learnAfter: number
  readonly learnListsMax: number
  readonly clickWorth: number
  readonly cartWorth: number
  readonly purchaseWorth: number
}

/** Rows of `RankSettings`. */
export const rankSettings: TableOf<RankSettings> = {
  rankDepth: integer(200, 1, 1000, 'Candidates a ranking model is asked about'),
  servedListsPerSecond: integer(
    200,
    0,
    100_000,
    'Served lists written to the event log a second, with their features: what models learn from and experiments are judged by; 0 writes none',
  ),
  learnAfter: duration(
    30 * 60_000,
    1000,
    7 * 86_400_000,
    'Time after which a shown item that was not chosen counts as passed over',
  ),
  learnListsMax: integer(
    5000,
    10,
    1_000_000,
    'Served lists kept in memory for late outcomes (4 KB each); the oldest make room',
  ),
  clickWorth: decimal(1, 0, 1e6, 'What a click is worth to the ranking'),
  cartWorth: decimal(3, 0, 1e6, 'What putting an item in the cart is worth'),
  purchaseWorth: decimal(8, 0, 1e6, 'What a purchase is worth'),
}

/** How to learn, as the settings have it. */
export function learningOf(settings: RankSettings): OnlineRankerOptions {
  const { clickWorth, cartWorth, purchaseWorth } = settings
  return {
    ...onlineRankerDefaults,
    worth: { click: clickWorth, cart: cartWorth, purchase: purchaseWorth },
    waitMs: settings.learnAfter,
    listsMax: settings.learnListsMax,
  }
}
