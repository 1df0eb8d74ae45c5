import type { Request, Response } from '@spate/http/exchange'
import { jsonResponse } from '@spate/http/problem'
import { parseQuery } from '@spate/http/query'
import type { Route } from '@spate/http/router'
import { severities, type Severity } from '@spate/runtime/log'
import type { LogQuery, LogStore } from '@spate/telemetry/log-store'
import type { MetricQuery, MetricStore } from '@spate/telemetry/metric-store'
import type { LogData } from '@spate/telemetry/model'
import type { TraceStore } from '@spate/telemetry/trace-store'
import { checkQuery, logRules, metricRules } from './api-query.ts'
import { pageResponse } from './page-response.ts'
import { logsPage, type LogSearch } from './pages/logs.ts'
import { measurementsPage, metricPage, type MetricSearch } from './pages/measurements.ts'
import { durationMetrics, routeRows, type RouteRow } from './route-rows.ts'

/** What the pages on metrics and logs show. */
export interface SignalView {
  readonly traces: TraceStore
  readonly metrics: MetricStore
  readonly logs: LogStore
  /** Wall time, ms. */
  now(): number
}

/** Series of one metric on its page, and in its JSON. */
const seriesShown = 200

/** Pages, and JSON, of metrics and logs. */
export function signalRoutes(view: SignalView): Route[] {
  const get = (path: string, name: string, handler: Route['handler']): Route => ({
    method: 'GET',
    path,
    name,
    handler,
  })
  return [
    get('/measurements', 'measurements', (request) => measurements(view, request)),
    get('/api/metrics', 'metricsJson', (request) => {
      checkQuery(request, metricRules)
      const { query } = metricSearch(view, request)
      return jsonResponse(200, {
        metrics: query.name === undefined ? view.metrics.list() : [],
        series: query.name === undefined ? [] : view.metrics.query(query),
        size: view.metrics.size,
      })
    }),
    get('/api/routes', 'routesJson', () => jsonResponse(200, { routes: rowsOf(view) })),
    get('/logs', 'logs', (request) => {
      const { list, search } = logsFound(view, request)
      return pageResponse(logsPage(list, search, view.logs.services(), view.logs.size))
    }),
    get('/api/logs', 'logsJson', (request) => {
      checkQuery(request, logRules)
      return jsonResponse(200, { logs: logsFound(view, request).list, size: view.logs.size })
    }),
  ]
}

function rowsOf({ metrics, traces }: SignalView): readonly RouteRow[] {
  const series = durationMetrics.flatMap((name) => metrics.query({ name, limit: 10_000 }))
  return routeRows(series, (traceId) => traces.spans(traceId).length > 0)
}

function metricSearch(
  view: SignalView,
  request: Request,
): { readonly query: MetricQuery; readonly search: MetricSearch } {
  const given = new Map(parseQuery(request.query))
  const search = {
    name: given.get('name') ?? '',
    service: given.get('service') ?? '',
    labels: given.get('labels') ?? '',
    minutes: given.get('minutes') ?? '',
  }
  const labels = Object.fromEntries(
    search.labels
      .split(',')
      .map((pair) => pair.trim().split('='))
      .filter((pair): pair is [string, string] => pair.length === 2 && pair[0] !== ''),
  )
  const minutes = Number(search.minutes)
  return {
    search,
    query: {
      ...(search.name === '' ? {} : { name: search.name }),
      ...(search.service === '' ? {} : { service: search.service }),
      ...(minutes > 0 ? { fromMs: view.now() - minutes * 60_000 } : {}),
      labels,
      limit: seriesShown,
    },
  }
}

function measurements(view: SignalView, request: Request): Response {
  const { query, search } = metricSearch(view, request)
  if (query.name === undefined)
    return pageResponse(
      measurementsPage({
        metrics: view.metrics.list(),
        routes: rowsOf(view),
        size: view.metrics.size,
        search,
      }),
    )
  const held = (traceId: string): boolean => view.traces.spans(traceId).length > 0
  const series = view.metrics.query(query)
  return pageResponse(metricPage(series, search, held), series.length > 0 ? 200 : 404)
}

function logsFound(
  view: SignalView,
  request: Request,
): { readonly list: readonly LogData[]; readonly search: LogSearch } {
  const given = new Map(parseQuery(request.query))
  const named = given.get('severity') ?? 'info'
  const search: LogSearch = {
    severity: named in severities ? named : 'info',
    text: given.get('text') ?? '',
    service: given.get('service') ?? '',
    trace: (given.get('trace') ?? '').toLowerCase(),
  }
  const query: LogQuery = {
    severityMin: severities[search.severity as Severity],
    text: search.text,
    ...(search.service === '' ? {} : { service: search.service }),
    ...(search.trace === '' ? {} : { traceId: search.trace }),
  }
  return { list: view.logs.list(query), search }
}
