import { cacheResults, type CacheResult } from './cache-result.ts'
import { mergedFrequent, type Frequent } from './space-saving.ts'
import { placeOfResult, type TopName, type TrafficSlot } from './traffic-slot.ts'
import type { WindowView } from './traffic-window.ts'

/** One of the most frequent: the true number lies between `requests - error` and `requests`. */
export interface TopEntry {
  readonly requests: number
  readonly error: number
}

/** What the last seconds saw. */
export interface TrafficView {
  /** Seconds that were asked for. */
  readonly window: number
  /** Seconds these figures are of: whole slots, and never longer than the node runs. */
  readonly seconds: number
  readonly requests: number
  readonly requestsPerSecond: number
  /** By class: `2xx`. */
  readonly status: Readonly<Record<string, number>>
  /** By code: `200`. */
  readonly codes: Readonly<Record<string, number>>
  readonly cache: Readonly<Record<CacheResult, number>>
  /** Share answered from the cache, stale ones included, 0 to 1; 0 where nothing was asked. */
  readonly hitRatio: number
  /** Share of 5xx, 0 to 1. */
  readonly errorRate: number
  /** Body bytes to clients. */
  readonly bandwidth: {
    readonly bytes: number
    readonly bytesPerSecond: number
    readonly fromCache: number
  }
  /** From the arrival of a request until its answer was written, ms; absent without requests. */
  readonly latency: Readonly<Partial<Record<'p50' | 'p90' | 'p99' | 'p999', number>>>
  readonly top: {
    readonly paths: readonly (TopEntry & { readonly host: string; readonly path: string })[]
    readonly clients: readonly (TopEntry & { readonly client: string })[]
    readonly agents: readonly (TopEntry & { readonly agent: string })[]
  }
  /** Different client addresses, +-2 %. */
  readonly uniques: { readonly clients: number }
  /** Share of requests that latency and top lists were made of; counts are of all, whatever it is. */
  readonly detailShare: number
}

/** Quantiles shown, by name. */
const quantiles = { p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999 } as const

/** `seen` for people and machines, with the `most` first of each top list. */
export function trafficView(
  { slot, seconds }: WindowView,
  asked: { readonly window: number; readonly most: number },
): TrafficView {
  const { requests } = slot
  const codes = [...slot.codes.entries()].filter(([, count]) => count > 0)
  const status: Record<string, number> = {}
  for (const [code, count] of codes) {
    const name = `${Math.floor(code / 100)}xx`
    status[name] = (status[name] ?? 0) + count
  }
  const of = (result: CacheResult): number => slot.results[placeOfResult[result]] as number
  const looked = requests - of('none')
  const bytes = slot.bytes.reduce((sum, each) => sum + each, 0)
  const fromCache = (slot.bytes[placeOfResult.hit] ?? 0) + (slot.bytes[placeOfResult.stale] ?? 0)
  return {
    window: asked.window,
    seconds,
    requests,
    requestsPerSecond: requests / seconds,
    status,
    codes: Object.fromEntries(codes.map(([code, count]) => [String(code), count])),
    cache: Object.fromEntries(cacheResults.map((name) => [name, of(name)])) as TrafficView['cache'],
    hitRatio: looked === 0 ? 0 : (of('hit') + of('stale')) / looked,
    errorRate: requests === 0 ? 0 : (status['5xx'] ?? 0) / requests,
    bandwidth: { bytes, bytesPerSecond: bytes / seconds, fromCache },
    latency: latencyOf(slot),
    top: {
      paths: topOf(slot, 'paths', asked.most).map(({ key, ...entry }) => ({
        ...placeIn(key),
        ...entry,
      })),
      clients: topOf(slot, 'clients', asked.most).map(({ key: client, ...entry }) => ({
        client,
        ...entry,
      })),
      agents: topOf(slot, 'agents', asked.most).map(({ key: agent, ...entry }) => ({
        agent,
        ...entry,
      })),
    },
    uniques: { clients: Math.round(slot.clients.estimate) },
    detailShare: requests === 0 ? 1 : slot.detailed / requests,
  }
}

function latencyOf({ durations }: TrafficSlot): TrafficView['latency'] {
  const found = Object.entries(quantiles).flatMap(([name, q]) => {
    const ms = durations.quantile(q)
    return ms === undefined ? [] : [[name, Number(ms.toPrecision(3))]]
  })
  return Object.fromEntries(found) as TrafficView['latency']
}

function topOf(
  slot: TrafficSlot,
  name: TopName,
  most: number,
): (TopEntry & { readonly key: string })[] {
  const { keys } = mergedFrequent([slot.tops[name].held()], most)
  return keys.map(({ key, count, error }: Frequent) => ({ key, requests: count, error }))
}

/** Key of a path in the top list: origin and path of its URL, without the query. */
export function pathKey(secure: boolean, host: string, path: string): string {
  return `${secure ? 'https' : 'http'}://${host}${path}`
}

function placeIn(key: string): { readonly host: string; readonly path: string } {
  const from = key.indexOf('://') + 3
  const slash = key.indexOf('/', from)
  return slash < 0
    ? { host: key.slice(from), path: '' }
    : { host: key.slice(from, slash), path: key.slice(slash) }
}
