import type { Response } from './exchange.ts'
import type { Route } from './router.ts'

/** Media type of OpenMetrics text 1.0. */
export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** `GET /metrics` in OpenMetrics text; `telemetry.exposition` is called for each scrape. */
export function metricsRoute(telemetry: { exposition(): string | Promise<string> }): Route {
  const answer = (body: string): Response => ({
    status: 200,
    headers: ['content-type', openMetricsType, 'cache-control', 'no-store'],
    body,
  })
  return {
    method: 'GET',
    path: '/metrics',
    name: 'metrics',
    summary: 'All metrics in OpenMetrics text',
    produces: 'application/openmetrics-text',
    handler: () => {
      const text = telemetry.exposition()
      return typeof text === 'string' ? answer(text) : text.then(answer)
    },
  }
}
