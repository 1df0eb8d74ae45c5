import type { Request, Response } from '@spate/http/exchange'
import { jsonResponse, textResponse } from '@spate/http/problem'
import { parseQuery } from '@spate/http/query'
import type { Route } from '@spate/http/router'
import type { SseHub } from '@spate/http/sse'
import { Fault } from '@spate/runtime/fault'
import type { LogStore } from '@spate/telemetry/log-store'
import type { TraceStore, TraceSummary } from '@spate/telemetry/trace-store'
import { favicon, script, styles } from './assets.ts'
import { checkQuery, traceRules } from './api-query.ts'
import { pageResponse, securityHeaders } from './page-response.ts'
import { overviewPage, overviewPanels, type Overview } from './pages/overview.ts'
import { rowsOf, tracePage, traceText } from './pages/trace.ts'
import { tracesPage } from './pages/traces.ts'

/** What the routes show. */
export interface ConsoleView {
  readonly traces: TraceStore
  readonly logs: LogStore
  readonly hub: SseHub
  overview(): Overview
}

/** Traces on a page. */
const tracesShown = 100

/** Pages of the console. */
export function consoleRoutes(view: ConsoleView): Route[] {
  const get = (path: string, name: string, handler: Route['handler']): Route => ({
    method: 'GET',
    path,
    name,
    handler,
  })
  const file = (body: string, type: string) => (): Response => ({
    status: 200,
    headers: [
      'content-type',
      type,
      'cache-control',
      'public, max-age=31536000, immutable',
      'x-content-type-options',
      'nosniff',
    ],
    body,
  })
  return [
    get('/', 'overview', () => pageResponse(overviewPage(view.overview()))),
    get('/live/overview', 'live', (request) =>
      view.hub.subscribe(request, [panelsEvent(view.overview())]),
    ),
    get('/traces', 'traces', (request) => traces(view, request)),
    get('/traces/{id}', 'trace', (request) => trace(view, request)),
    get('/api/traces', 'tracesJson', (request) => {
      checkQuery(request, traceRules)
      return jsonResponse(200, { traces: found(view, request).list })
    }),
    get('/api/traces/{id}', 'traceJson', (request) => {
      const traceId = traceIdIn(request)
      return jsonResponse(200, { traceId, tree: view.traces.tree(traceId) })
    }),
    get(styles.path, 'styles', file(styles.body, styles.type)),
    get(script.path, 'script', file(script.body, script.type)),
    get('/favicon.svg', 'favicon', file(favicon, 'image/svg+xml')),
  ]
}

/** The event that refreshes the overview. */
export function panelsEvent(overview: Overview): {
  readonly event: string
  readonly data: unknown
} {
  return { event: 'panels', data: overviewPanels(overview) }
}

/** True for a trace that only looks after us: health, metrics, and the console itself. */
export function isUpkeep(trace: TraceSummary): boolean {
  return /\/(health\/|metrics$)/.test(trace.name) || trace.service === 'spate-console'
}

/** `traces` with a name that says more where the root's says only `GET /{path...}`. */
export function named(store: TraceStore, traces: readonly TraceSummary[]): readonly TraceSummary[] {
  return traces.map((trace) => {
    if (!trace.name.includes('{path...}')) return trace
    const path = store.spans(trace.traceId)[0]?.attributes['url.path']
    return typeof path === 'string'
      ? { ...trace, name: trace.name.replace('/{path...}', path) }
      : trace
  })
}

function found(
  view: ConsoleView,
  request: Request,
): { readonly list: readonly TraceSummary[]; readonly search: Parameters<typeof tracesPage>[1] } {
  const query = new Map(parseQuery(request.query))
  const search = {
    service: query.get('service') ?? '',
    name: query.get('name') ?? '',
    slowerMs: query.get('slower') ?? '',
    fasterMs: query.get('faster') ?? '',
    route: query.get('route') ?? '',
    status: query.get('status') ?? '',
    attribute: query.get('attribute') ?? '',
    errors: query.get('errors') === '1',
    all: query.get('all') === '1',
  }
  const slower = Number(search.slowerMs)
  const faster = Number(search.fasterMs)
  const [key = '', ...value] = search.attribute.split('=')
  const list = view.traces
    .list({
      limit: search.all ? tracesShown : tracesShown * 20,
      errorsOnly: search.errors,
      ...(search.service === '' ? {} : { service: search.service }),
      ...(search.name === '' ? {} : { name: search.name }),
      ...(slower > 0 ? { durationMsMin: slower } : {}),
      ...(faster > 0 ? { durationMsMax: faster } : {}),
      ...(search.route === '' ? {} : { route: search.route }),
      ...(search.status === '' ? {} : { status: search.status }),
      ...(key === '' ? {} : { attribute: [key.trim(), value.join('=').trim()] as const }),
    })
    .filter((each) => search.all || !isUpkeep(each))
    .slice(0, tracesShown)
  return { list: named(view.traces, list), search }
}

function traces(view: ConsoleView, request: Request): Response {
  const { list, search } = found(view, request)
  return pageResponse(
    tracesPage(list, search, { services: view.traces.services(), held: view.traces.size }),
  )
}

function traceIdIn(request: Request): string {
  const traceId = (request.params['id'] ?? '').replace(/\.txt$/, '').toLowerCase()
  if (!/^[\da-f]{32}$/.test(traceId))
    throw new Fault('not_found', 'a trace id has 32 hexadecimal digits')
  return traceId
}

function trace(view: ConsoleView, request: Request): Response {
  const traceId = traceIdIn(request)
  const tree = view.traces.tree(traceId)
  const known = tree.length > 0
  if (request.params['id']?.endsWith('.txt'))
    return textResponse(known ? 200 : 404, traceText(traceId, tree), securityHeaders)
  const page = tracePage(traceId, rowsOf(tree), view.logs.list({ traceId }))
  return pageResponse(page, known ? 200 : 404)
}
