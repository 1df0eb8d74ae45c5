import type { Interactions } from '../domain/recall/interactions.ts'
import type { Task } from '../domain/learn/task.ts'
import type { DataFile, Names } from './data-set.ts'

/**
 * Reads off TEST what kind of question it asks: who is asked about, when, and how many lines a
 * user has. The items of TEST are not looked at, so nothing that is to be found is given away; a
 * live engine knows as much when a request comes in.
 */
export function inferTask(interactions: Interactions, users: Names, test: DataFile): Task {
  const counts = new Map<string, number>()
  let earliest = Infinity
  let latest = -Infinity
  let inside = 0
  let known = 0
  const { start, timesMs } = interactions
  for (const { user, timeMs } of test.rows) {
    counts.set(user, (counts.get(user) ?? 0) + 1)
    if (timeMs === undefined) continue
    earliest = Math.min(earliest, timeMs)
    latest = Math.max(latest, timeMs)
    const number = users.numberOf(user)
    if (number === undefined || start[number] === start[number + 1]) continue
    known++
    if (timeMs < (timesMs[(start[number + 1] as number) - 1] as number)) inside++
  }
  const trainEnd = timesMs.reduce((end, timeMs) => Math.max(end, timeMs), -Infinity)
  if (test.timed && known > 0) {
    const holes = inside / known > 0.3
    if (holes)
      return { kind: 'holes', share: test.rows.length / (test.rows.length + timesMs.length) }
    // All of TEST after all of TRAIN: one moment for everybody.
    if (earliest >= trainEnd) return { kind: 'horizon', ms: Math.max(latest - trainEnd, 1) }
  }
  const sorted = [...counts.values()].sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 1
  return { kind: 'last', count: Math.min(median, 50) }
}
