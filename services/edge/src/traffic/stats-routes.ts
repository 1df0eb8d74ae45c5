import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault, shown } from '@spate/runtime/fault'
import {
  logQuery,
  sketchQuery,
  statsQuery,
  topDefault,
  type CacheState,
  type StatsAnswer,
  type WindowAnswer,
} from '../contract.ts'
import { parseFilter, type LogRecord } from '../domain/log-filter.ts'
import type { SlotData } from '../domain/traffic-slot.ts'
import { trafficView } from '../domain/traffic-view.ts'
import type { Edge } from '../edge.ts'
import type { OriginSet } from '../origins/origin-set.ts'

type Origins = () => ReadonlyMap<string, OriginSet>

/** What a worker tells the process that started it: sketches that can be merged. */
export interface SketchAnswer {
  readonly seconds: number
  readonly slot: SlotData
  readonly state: CacheState
}

/** `GET /stats` and `GET /log`. */
export function statsRoutes(edge: Edge, origins: Origins): Route[] {
  return [
    typedRoute({
      method: 'GET',
      path: '/stats',
      name: 'stats',
      summary:
        'What the last `window` seconds saw; without `window`, what the cache did since it started',
      admin: true,
      query: statsQuery,
      handler: (_, { query: { window, top = topDefault } }) => {
        if (window === undefined) return jsonResponse(200, totals(edge, origins()))
        const view = trafficView(edge.traffic.over(window), { window, most: top })
        const answer: WindowAnswer = { ...view, ...stateOf(edge, origins()) }
        return jsonResponse(200, answer)
      },
    }),
    typedRoute({
      method: 'GET',
      path: '/log',
      name: 'log',
      summary: 'Follows the requests as they are answered, as server-sent events',
      admin: true,
      query: logQuery,
      handler: (request, { query }) =>
        edge.traffic.log.follow(request, filterOf(query.filter ?? '')),
    }),
  ]
}

/** `GET /stats/sketch` of a worker, for the process that started it. */
export function sketchRoute(edge: Edge, origins: Origins): Route {
  return typedRoute({
    method: 'GET',
    path: '/stats/sketch',
    name: 'sketch',
    summary: 'The sketches behind /stats, for merging',
    admin: true,
    query: sketchQuery,
    handler: (_, { query: { window } }) => {
      const { slot, seconds } = edge.traffic.over(window)
      const answer: SketchAnswer = { seconds, slot: slot.data(), state: stateOf(edge, origins()) }
      return jsonResponse(200, answer)
    },
  })
}

/** The filter that `text` means. Throws `Fault('invalid_field')` where it means none. */
export function filterOf(text: string): (record: LogRecord) => boolean {
  const parsed = parseFilter(text)
  if (parsed.kind === 'filter') return parsed.matches
  const { term, expected } = parsed
  throw new Fault('invalid_field', `the filter has a term that means nothing: ${shown(term)}`, {
    fields: [{ field: 'filter', value: shown(term), expected }],
  })
}

function totals(edge: Edge, origins: ReadonlyMap<string, OriginSet>): StatsAnswer {
  const { statistics: counts } = edge
  return {
    requests: counts.requests,
    hits: counts.hits,
    staleHits: counts.staleHits,
    misses: counts.misses,
    passes: counts.passes,
    collapsed: counts.collapsed,
    refused: counts.refused,
    errors: counts.errors,
    hitRatio: counts.hitRatio,
    bytesFromCache: counts.bytesFromCache,
    bytesFromOrigin: counts.bytesFromOrigin,
    peerRequests: counts.peerRequests,
    origin: {
      requests: counts.originRequests,
      failures: counts.originFailures,
      latencyMsMean: counts.originLatencyMs / Math.max(1, counts.originRequests),
    },
    purged: counts.purged,
    stockEvents: counts.stockEvents,
    ...stateOf(edge, origins),
  }
}

function stateOf(
  { store, shared, transfers }: Edge,
  origins: ReadonlyMap<string, OriginSet>,
): CacheState {
  return {
    origins: [...origins].flatMap(([site, { members, retried, hedged }]) =>
      members.map(({ figures }) => ({ site, ...figures, retried, hedged })),
    ),
    memory: store.memory.figures,
    ...(store.disk ? { disk: store.disk.figures } : {}),
    ...(shared ? { shared: shared.figures } : {}),
    transfers: transfers.size,
  }
}
