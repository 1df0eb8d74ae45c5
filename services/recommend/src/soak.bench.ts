import type { BenchTable } from '@spate/runtime/bench'
import { SeededChance } from '@spate/runtime/chance'
import { memoryBytes } from '@spate/runtime/host'
import { Feedback } from './domain/rank/feedback.ts'
import { RecommendState } from './domain/state.ts'
import { evictedFrom, heldBy } from './held.ts'

/** Events of a replayed day; `SPATE_BENCH_DAY_EVENTS` for a longer one. */
const dayEvents = Number(process.env['SPATE_BENCH_DAY_EVENTS'] ?? 400_000)
const limits = { itemsMax: 1000, usersMax: 4000, eventsPerUserMax: 50, eventIdsMax: 50_000 }
const dayMs = 86_400_000

/** Two replayed days of a full engine: what the second one adds is growth. */
export async function run(): Promise<BenchTable> {
  const state = new RecommendState(limits)
  const feedback = new Feedback()
  const chance = new SeededChance(24)
  const rows: BenchTable['rows'][number][] = []
  let fullBytes = 0
  for (const day of [0, 1, 2]) {
    for (let at = 0; at < dayEvents; at++) {
      state.interact({
        eventId: `${day} ${at}`,
        // New users all the time: the longest idle ones have to go.
        userId: `u${Math.floor((at / dayEvents) * 2000) + day * 2000 + chance.integer(0, 4000)}`,
        itemId: `i${Math.floor(1100 * chance.float() ** 2)}`,
        kind: chance.float() < 0.1 ? 'purchase' : 'view',
        weight: 1,
        timeMs: 1_700_000_000_000 + day * dayMs + (at / dayEvents) * dayMs,
      })
    }
    const bytes = heldBytes()
    if (day === 0) fullBytes = bytes
    rows.push({
      label: day === 0 ? 'the day that fills it (control)' : `day ${day} of replay`,
      figures: {
        'MB held': Number((bytes / 1e6).toFixed(2)),
        'growth %': Number((100 * (bytes / fullBytes - 1)).toFixed(2)),
        ...heldBy({ state, feedback }),
        evicted: Object.values(evictedFrom({ state, feedback })).reduce(
          (sum, count) => sum + count,
          0,
        ),
      },
    })
  }
  return {
    name: 'soak',
    title: 'Recommend: memory over replayed days',
    rows,
    notes: [
      `${dayEvents} events a day; items, users, events a user and event ids all at their limits`,
      'after a full garbage collection; evicted: over all structures, since the beginning',
    ],
  }
}

function heldBytes(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external } = memoryBytes()
  return heapUsed + external
}
