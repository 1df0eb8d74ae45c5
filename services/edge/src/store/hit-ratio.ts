import type { Chance } from '@spate/runtime/chance'
import { MemoryStore } from './memory-store.ts'
import { StoredResponse } from './stored-response.ts'

/** A load of look-ups by rank, most wanted first. */
export interface ZipfLoad {
  readonly objects: number
  readonly requests: number
  /** Share of requests for objects that are asked for once only, 0 to 1. */
  readonly scanShare: number
  readonly chance: Chance
}

/** Draws ranks with weight 1/rank: cumulative weights, then binary search. O(log objects) a draw. */
export class Zipf {
  readonly #sums: Float64Array
  readonly #chance: Chance

  constructor(objects: number, chance: Chance) {
    this.#sums = new Float64Array(objects)
    this.#chance = chance
    let sum = 0
    for (let rank = 0; rank < objects; rank++) this.#sums[rank] = sum += 1 / (rank + 1)
  }

  next(): number {
    const sums = this.#sums
    const wanted = this.#chance.float() * (sums.at(-1) ?? 0)
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A stored response for measuring: 200, `bytes` of body, one tag, fresh for an hour from `nowMs`. */
export function sampleResponse(
  key: string,
  bytes: number,
  tag = 'sample',
  nowMs = 0,
): StoredResponse {
  return new StoredResponse({
    key,
    host: 'sample.example',
    status: 200,
    headers: ['content-type', 'text/plain', 'cache-control', 'max-age=3600', 'date', 'x'],
    selector: { names: [], values: [], language: undefined },
    timing: {
      responseTimeMs: nowMs,
      initialAgeMs: 0,
      lifetimeMs: 3_600_000,
      freshUntilMs: nowMs + 3_600_000,
      staleWhileRevalidateMs: 0,
      staleIfErrorMs: 0,
      neverStale: false,
    },
    tags: [tag],
    body: new Uint8Array(bytes),
    partial: undefined,
  })
}

/** Share of look-ups the memory tier answers where it has room for `capacity` objects of one size. */
export function hitRatio(load: ZipfLoad, capacity: number): number {
  const size = sampleResponse('http://sample.example/000000', 0).bytes
  const store = new MemoryStore(capacity * size)
  const zipf = new Zipf(load.objects, load.chance)
  const anyone = { get: (): undefined => undefined }
  let hits = 0
  for (let at = 0; at < load.requests; at++) {
    const scan = load.chance.float() < load.scanShare
    const rank = scan ? 500_000 + at : zipf.next()
    const key = `http://sample.example/${String(rank % 1_000_000).padStart(6, '0')}`
    if (store.find(key, anyone)) hits++
    else store.put(sampleResponse(key, 0))
  }
  return hits / load.requests
}
