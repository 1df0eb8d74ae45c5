import type { BenchTable } from '@spate/runtime/bench'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { memoryBytes } from '@spate/runtime/host'
import { hitRatio, sampleResponse, Zipf } from './hit-ratio.ts'
import { MemoryStore } from './memory-store.ts'
import { Purger } from './purge.ts'
import { emptyOrder } from './response-index.ts'
import { Tiers } from './tiers.ts'

/** Memory tier: hit ratios, cost of a look-up by number of objects, purge by tag, bytes an object. */
export async function run(): Promise<BenchTable> {
  const rows = [...ratioRows(), ...lookupRows(), purgeRow(), overheadRow()]
  return {
    name: 'edge-memory',
    title: 'Edge: the memory tier',
    rows,
    notes: [
      'hit ratio: zipf 1.0 over 10,000 objects of one size, 1,000,000 requests, cache of 1 % of them; LRU measured as the control on the same draws',
      'look-up: keys drawn by zipf; median of 3 rounds',
    ],
  }
}

function ratioRows(): BenchTable['rows'] {
  return [0, 0.2].map((scanShare) => {
    const load = { objects: 10_000, requests: 1_000_000, scanShare }
    const ours = hitRatio({ ...load, chance: new SeededChance(5) }, 100)
    const lru = lruRatio(load.requests, scanShare)
    return {
      label: `hit ratio, 1 % size, scan ${scanShare * 100} %`,
      figures: {
        spate: `${(ours * 100).toFixed(1)} %`,
        'LRU (control)': `${(lru * 100).toFixed(1)} %`,
      },
    }
  })
}

function lruRatio(requests: number, scanShare: number): number {
  const chance = new SeededChance(5)
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

function lookupRows(): BenchTable['rows'] {
  const anyone = { get: (): undefined => undefined }
  return [1000, 10_000, 100_000, 1_000_000].map((objects) => {
    const store = new MemoryStore(2 ** 40)
    const keys = Array.from({ length: objects }, (_, at) => `http://sample.example/o/${at}`)
    for (const key of keys) store.put(sampleResponse(key, 0))
    const chance = new SeededChance(3)
    const zipf = new Zipf(objects, chance)
    const asked = Array.from({ length: 200_000 }, () => keys[zipf.next()] as string)
    const rounds = [1, 2, 3].map(() => {
      const startMs = systemClock.elapsed()
      for (const key of asked) store.find(key, anyone)
      return ((systemClock.elapsed() - startMs) * 1e6) / asked.length
    })
    return { label: `look-up among ${objects} objects`, figures: { spate: spread(rounds, 'ns') } }
  })
}

function purgeRow(): BenchTable['rows'][number] {
  const rounds = [1, 2, 3, 4, 5].map(() => {
    const store = new Tiers(2 ** 40, undefined)
    for (let at = 0; at < 100_000; at++)
      store.put(sampleResponse(`http://sample.example/${at}`, 0, 'one'))
    const purger = new Purger(store, new Set())
    const order = { ...emptyOrder, tags: ['one'] }
    const startMs = systemClock.elapsed()
    purger.purge(order, 0)
    return systemClock.elapsed() - startMs
  })
  return { label: 'purge of 100,000 objects by one tag', figures: { spate: spread(rounds, 'ms') } }
}

function overheadRow(): BenchTable['rows'][number] {
  const store = new MemoryStore(2 ** 40)
  const before = memoryBytes().heapUsed
  for (let at = 0; at < 100_000; at++) store.put(sampleResponse(`http://sample.example/${at}`, 0))
  const used = (memoryBytes().heapUsed - before) / 100_000
  const charged = store.figures.bytes / store.figures.objects
  return {
    label: 'bytes an object beside its body',
    figures: { spate: `${Math.round(used)} on the heap, ${Math.round(charged)} charged` },
  }
}

function spread(rounds: readonly number[], unit: string): string {
  const sorted = rounds.toSorted((one, other) => one - other)
  const show = (value: number | undefined): string => (value ?? 0).toFixed(1)
  const middle = sorted[Math.floor(sorted.length / 2)]
  return `${show(middle)} ${unit} (${show(sorted[0])}..${show(sorted.at(-1))})`
}
