import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault } from '@spate/runtime/fault'
import { explainQuery, purgeBody, purgeBytesMax, type StatsAnswer } from './contract.ts'
import { explain } from './explain.ts'
import type { Edge } from './edge.ts'

/** Admin calls of the edge. */
export function adminRoutes(edge: Edge): Route[] {
  return [
    typedRoute({
      method: 'POST',
      path: '/purge',
      name: 'purge',
      summary: 'Removes stored responses, or marks them stale',
      admin: true,
      body: purgeBody,
      bytesMax: purgeBytesMax,
      handler: (_, { body }) => {
        const { urls = [], tags = [], prefixes = [], hosts = [], all = false, soft = false } = body
        if (!all && urls.length + tags.length + prefixes.length + hosts.length === 0)
          throw new Fault('invalid_request', 'name urls, tags, prefixes or hosts, or say all')
        const keys = urls.map((url) => edge.keyOfUrl(url))
        const order = {
          keys,
          tags,
          prefixes,
          hosts: hosts.map((host) => host.toLowerCase()),
          all,
          soft,
        }
        return jsonResponse(200, { purged: edge.transfers.purge(order) })
      },
    }),
    typedRoute({
      method: 'GET',
      path: '/explain',
      name: 'explain',
      summary: 'Says how a URL is cached: key, variants, freshness arithmetic',
      admin: true,
      query: explainQuery,
      handler: (_, { query }) => jsonResponse(200, explain(edge, query.url)),
    }),
    {
      method: 'GET',
      path: '/stats',
      name: 'stats',
      summary: 'What the cache did since it started',
      admin: true,
      handler: () => jsonResponse(200, stats(edge)),
    },
  ]
}

/** The figures of `edge` now. */
export function stats({ statistics: counts, store, transfers }: Edge): StatsAnswer {
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
    origin: {
      requests: counts.originRequests,
      failures: counts.originFailures,
      latencyMsMean: counts.originLatencyMs / Math.max(1, counts.originRequests),
    },
    memory: store.figures,
    transfers: transfers.size,
    purged: counts.purged,
  }
}
