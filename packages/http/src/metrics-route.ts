import type { Route } from './router.ts'

/** Media type of OpenMetrics text 1.0. */
export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** `GET /metrics` in OpenMetrics text; `telemetry.exposition` is called for each scrape. */
export function metricsRoute(telemetry: { exposition(): string }): Route {
  return {
    method: 'GET',
    path: '/metrics',
    name: 'metrics',
    summary: 'All metrics in OpenMetrics text',
    produces: 'application/openmetrics-text',
    handler: () => ({
      status: 200,
      headers: ['content-type', openMetricsType, 'cache-control', 'no-store'],
      body: telemetry.exposition(),
    }),
  }
}
