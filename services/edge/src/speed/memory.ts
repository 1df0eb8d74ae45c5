import type { BenchRow } from '@spate/runtime/bench'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { memoryBytes } from '@spate/runtime/host'
import { hitRatio, sampleResponse, Zipf } from '../store/hit-ratio.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { median, speedRow, spread } from './rounds.ts'

/** Rows of the memory tier alone: hit ratios, a look-up by number of objects, bytes an object. */
export const memoryRows = (): BenchRow[] => [...ratioRows(), lookupRow(), overheadRow()]

function ratioRows(): BenchRow[] {
  const goals = [
    { scanShare: 0, least: 0.5 },
    { scanShare: 0.2, least: 0.4 },
  ]
  return goals.map(({ scanShare, least }) => {
    const load = { objects: 10_000, requests: 500_000, scanShare }
    const seeds = [5, 6, 7]
    const ours = seeds.map(
      (seed) => 100 * hitRatio({ ...load, chance: new SeededChance(seed) }, 100),
    )
    const lru = seeds.map((seed) => 100 * lruRatio(load.requests, scanShare, seed))
    return speedRow(
      `hit ratio, zipf 1.0, room for 1 %, ${scanShare * 100} % one-hit scan, %`,
      { spate: spread(ours, 1), control: `LRU ${spread(lru, 1)}` },
      { goal: `>= ${least * 100} %`, met: median(ours) >= 100 * least },
    )
  })
}

function lruRatio(requests: number, scanShare: number, seed: number): number {
  const chance = new SeededChance(seed)
  const zipf = new Zipf(10_000, chance)
  const held = new Map<number, true>()
  let hits = 0
  for (let at = 0; at < requests; at++) {
    const key = chance.float() < scanShare ? 1_000_000 + at : zipf.next()
    if (held.delete(key)) hits++
    held.set(key, true)
    if (held.size > 100) for (const oldest of held.keys()) if (held.delete(oldest)) break
  }
  return hits / requests
}

function lookupRow(): BenchRow {
  const anyone = { get: (): undefined => undefined }
  const found = [1000, 10_000, 100_000, 1_000_000].map((objects) => {
    const store = new MemoryStore(2 ** 40)
    const keys = Array.from({ length: objects }, (_, at) => `http://sample.example/o/${at}`)
    for (const key of keys) store.put(sampleResponse(key, 0))
    const zipf = new Zipf(objects, new SeededChance(3))
    const asked = Array.from({ length: 200_000 }, () => keys[zipf.next()] as string)
    return [1, 2, 3].map(() => {
      const startMs = systemClock.elapsed()
      for (const key of asked) store.find(key, anyone)
      return ((systemClock.elapsed() - startMs) * 1e6) / asked.length
    })
  })
  return speedRow(
    'look-up alone among 10^3, 10^4, 10^5, 10^6 objects, ns',
    { spate: found.map((each) => spread(each)).join(', ') },
    { goal: 'printed', met: true },
  )
}

function overheadRow(): BenchRow {
  const store = new MemoryStore(2 ** 40)
  const before = memoryBytes().heapUsed
  for (let at = 0; at < 100_000; at++) store.put(sampleResponse(`http://sample.example/${at}`, 0))
  const used = (memoryBytes().heapUsed - before) / 100_000
  const charged = store.figures.bytes / store.figures.objects
  return speedRow(
    'bytes an object beside its body',
    { spate: `${Math.round(used)} on the heap, ${Math.round(charged)} charged` },
    { goal: 'printed', met: true },
  )
}
