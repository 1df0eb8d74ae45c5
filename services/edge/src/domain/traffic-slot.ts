import { cacheResults, type CacheResult } from './cache-result.ts'
import { DistinctCount } from './distinct-count.ts'
import { DurationSketch } from './duration-sketch.ts'
import { mergedFrequent, SpaceSaving, type FrequentKeys } from './space-saving.ts'

/** Dimensions whose most frequent values are held, with how many of them. */
export const topKeys = { paths: 1000, clients: 1000, agents: 200 } as const

/** One of `topKeys`. */
export type TopName = keyof typeof topKeys

/** All dimensions. */
export const topNames: readonly TopName[] = ['paths', 'clients', 'agents']

/** Place of each result in the arrays of a slot. */
export const placeOfResult: Readonly<Record<CacheResult, number>> = Object.fromEntries(
  cacheResults.map((name, at) => [name, at]),
) as Record<CacheResult, number>

const statusMax = 599

/** A slot as it travels between processes. */
export interface SlotData {
  readonly codes: readonly (readonly [status: number, requests: number])[]
  readonly results: readonly number[]
  readonly bytes: readonly number[]
  readonly detailed: number
  readonly durations: readonly (readonly [at: number, weight: number])[]
  /** Registers of the count of clients, in base64. */
  readonly clients: string
  readonly tops: Readonly<Record<TopName, FrequentKeys>>
}

/**
 * What one span of time saw. Counts are exact, of every request; durations and frequent keys are of
 * the requests that were looked at more closely, each with the weight of those it stands for.
 */
export class TrafficSlot {
  /** Requests by status. */
  readonly codes: Float64Array = new Float64Array(statusMax + 1)
  /** Requests, and body bytes sent, by `placeOfResult`. */
  readonly results: Float64Array = new Float64Array(cacheResults.length)
  readonly bytes: Float64Array = new Float64Array(cacheResults.length)
  readonly durations: DurationSketch = new DurationSketch()
  readonly clients: DistinctCount = new DistinctCount()
  readonly tops: Readonly<Record<TopName, SpaceSaving>> = {
    paths: new SpaceSaving(topKeys.paths),
    clients: new SpaceSaving(topKeys.clients),
    agents: new SpaceSaving(topKeys.agents),
  }
  /** Requests that were looked at more closely. */
  detailed = 0

  /** Counts one request. O(1), makes nothing. */
  count(status: number, result: number, bytes: number): void {
    const place = status <= statusMax ? status : statusMax
    this.codes[place] = (this.codes[place] as number) + 1
    this.results[result] = (this.results[result] as number) + 1
    this.bytes[result] = (this.bytes[result] as number) + bytes
  }

  get requests(): number {
    return this.results.reduce((sum, count) => sum + count, 0)
  }

  /** Adds all of `others`. O(what they hold). */
  merge(others: readonly TrafficSlot[]): void {
    for (const other of others) {
      addAll(this.codes, other.codes)
      addAll(this.results, other.results)
      addAll(this.bytes, other.bytes)
      this.durations.merge(other.durations)
      this.clients.merge(other.clients)
      this.detailed += other.detailed
    }
    for (const name of topNames) {
      const own = this.tops[name]
      const all = [own.held(), ...others.map(({ tops }) => tops[name].held())]
      own.take(mergedFrequent(all, own.capacity))
    }
  }

  clear(): void {
    this.codes.fill(0)
    this.results.fill(0)
    this.bytes.fill(0)
    this.durations.clear()
    this.clients.clear()
    for (const name of topNames) this.tops[name].clear()
    this.detailed = 0
  }

  data(): SlotData {
    return {
      codes: [...this.codes.entries()].filter(([, requests]) => requests > 0),
      results: [...this.results],
      bytes: [...this.bytes],
      detailed: this.detailed,
      durations: this.durations.filled(),
      clients: Buffer.from(this.clients.registers).toString('base64'),
      tops: {
        paths: this.tops.paths.held(),
        clients: this.tops.clients.held(),
        agents: this.tops.agents.held(),
      },
    }
  }

  /** The slot that `data` was made of, by a process of this very version. */
  static of(data: SlotData): TrafficSlot {
    const slot = new TrafficSlot()
    for (const [status, requests] of data.codes) slot.codes[status] = requests
    slot.results.set(data.results)
    slot.bytes.set(data.bytes)
    slot.detailed = data.detailed
    for (const [at, weight] of data.durations) slot.durations.addTo(at, weight)
    slot.clients.registers.set(Buffer.from(data.clients, 'base64'))
    for (const name of topNames) slot.tops[name].take(data.tops[name])
    return slot
  }
}

function addAll(sums: Float64Array, more: Float64Array): void {
  for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] as number) + (more[at] as number)
}
