import type { MetricName } from './metric-name.ts'

/** Metrics of the origins behind a proxy; `names.ts` has all others. */
export const originMetricNames = {
  httpClientActive: {
    name: 'http.client.active_requests',
    kind: 'updown',
    unit: '{request}',
    description: 'Requests to origins under way.',
    attributes: ['server.address', 'server.port'],
  },
  edgeOriginHealthy: {
    name: 'edge.origin.healthy',
    kind: 'gauge',
    unit: '1',
    description:
      '1 where the health check of an origin passes, 0 where it fails or the origin is gone.',
    attributes: ['edge.site', 'server.address', 'server.port'],
  },
  edgeOriginBreaker: {
    name: 'edge.origin.breaker',
    kind: 'gauge',
    unit: '1',
    description: '1 for the state the breaker of an origin is in: closed, half-open or open.',
    attributes: ['edge.site', 'server.address', 'server.port', 'edge.origin.state'],
  },
  edgeOriginEjections: {
    name: 'edge.origin.ejections',
    kind: 'counter',
    unit: '{ejection}',
    description: 'Times an origin was put out because it failed more than the others.',
    attributes: ['edge.site', 'server.address', 'server.port'],
  },
  edgeOriginRetries: {
    name: 'edge.origin.retries',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests sent to an origin again, by site.',
    attributes: ['edge.site'],
  },
  edgeOriginHedges: {
    name: 'edge.origin.hedges',
    kind: 'counter',
    unit: '{request}',
    description: 'Second requests sent because the first one was slow, by site.',
    attributes: ['edge.site'],
  },
} as const

originMetricNames satisfies Readonly<Record<string, MetricName>>
