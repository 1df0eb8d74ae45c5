import { SeededChance } from '@spate/runtime/chance'
import { featuresOf } from '../domain/features/feature-vector.ts'
import { userFeaturesOf } from '../domain/features/user-features.ts'
import { OnlineRanker, onlineRankerDefaults } from '../domain/rank/online-ranker.ts'
import { RecommendState } from '../domain/state.ts'
import type { DataFile } from './data-set.ts'

/** What an offline training gave. */
export interface TrainedOnline {
  readonly ranker: OnlineRanker
  /** Rows learnt from. */
  readonly rows: number
  /** Chance that a chosen item was put above one that was not, before learning from either. */
  readonly auc: number
  /** The same over the last half. */
  readonly aucLastHalf: number
}

/** Items drawn beside each one that was chosen. */
const negatives = 4
/** Share of the events that only fill the counters. */
const warmUpShare = 0.1
/** Events learnt from at most: the latest. */
const eventsMax = 500_000

/**
 * Replays a file in order of time through the very code that serves: before each event the item
 * chosen and others (drawn by how often they were chosen before) are turned into feature vectors
 * and learnt from, then the event happens. Deterministic. 30 us an event or so.
 */
export function trainOnline(file: DataFile, progress?: (share: number) => void): TrainedOnline {
  const rows = file.rows
    .map((row, line) => ({ ...row, line, atMs: row.timeMs ?? line * 1000 }))
    .sort((a, b) => a.atMs - b.atMs || a.line - b.line)
    .slice(-eventsMax)
  const state = new RecommendState()
  const ranker = new OnlineRanker(onlineRankerDefaults)
  const chance = new SeededChance(1)
  const past: number[] = []
  const first = Math.floor(rows.length * warmUpShare)
  const won = [0, 0]
  const pairs = [0, 0]
  rows.forEach(({ user, item: itemId, atMs }, at) => {
    const item = state.catalogue.intern(itemId) as number
    if (at >= first && past.length > 0) {
      const others = Array.from(
        { length: negatives },
        () => past[chance.integer(0, past.length - 1)] as number,
      ).filter((other) => other !== item)
      const features = userFeaturesOf(state.histories.of(user), state.catalogue)
      const question = { userId: user, user: features, nowMs: atMs }
      const vectors = featuresOf(question, [item, ...others], state)
      const before = ranker.teach(vectors, [3, ...others.map(() => 0)])
      const half = at * 2 < rows.length + first ? 0 : 1
      for (let other = 1; other < before.length; other++) {
        const gap = (before[0] as number) - (before[other] as number)
        won[half] = (won[half] as number) + (gap > 0 ? 1 : gap === 0 ? 0.5 : 0)
        pairs[half] = (pairs[half] as number) + 1
      }
    }
    state.record(user, item, atMs, 'purchase')
    past.push(item)
    if (at % 20_000 === 0) progress?.(at / rows.length)
  })
  const share = (top: number, bottom: number): number => (bottom === 0 ? 0 : top / bottom)
  return {
    ranker,
    rows: ranker.rows,
    auc: share((won[0] ?? 0) + (won[1] ?? 0), (pairs[0] ?? 0) + (pairs[1] ?? 0)),
    aucLastHalf: share(won[1] ?? 0, pairs[1] ?? 0),
  }
}
