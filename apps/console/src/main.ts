import type { AdminToken } from '@spate/http/admin-token'
import { createClient } from '@spate/http/client'
import type { Request, Response } from '@spate/http/exchange'
import { healthRoutes } from '@spate/http/health'
import { listen } from '@spate/http/listener'
import { problem } from '@spate/http/problem'
import { createRouter } from '@spate/http/router'
import { siteGuard } from '@spate/http/site-guard'
import { SseHub } from '@spate/http/sse'
import { telemetryRoutes } from '@spate/http/telemetry-routes'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { Fault } from '@spate/runtime/fault'
import type { Running } from '@spate/runtime/lifecycle'
import type { Log } from '@spate/runtime/log'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { TraceStore, type TraceSummary } from '@spate/telemetry/trace-store'
import { readCampaigns, type Campaign } from './campaigns.ts'
import { deskRoutes } from './desk-routes.ts'
import { LogBook } from './log-book.ts'
import { openOtlpIntake } from './otlp-intake.ts'
import { pageResponse } from './page-response.ts'
import { faultPage } from './pages/layout.ts'
import { quietClient, type Asker } from './quiet-client.ts'
import { consoleRoutes, isUpkeep, named, panelsEvent } from './routes.ts'
import type { Overview } from './pages/overview.ts'
import type { ConsoleSettings } from './settings.ts'
import { registrySource, scrapeSource } from './sources.ts'
import { Watcher, type Watched } from './watcher.ts'

/** What the console is started with. */
export interface ConsoleOptions {
  readonly settings: ConsoleSettings
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly telemetry: Telemetry
  readonly adminToken: AdminToken
  /** Finished spans; an empty store where absent. */
  readonly traces?: TraceStore
  /** Log records of this process; an empty book where absent. */
  readonly logs?: LogBook
  /** Telemetry of programs in this process: read as it is, with fine buckets; others are scraped. */
  readonly telemetries?: readonly Telemetry[]
}

/** Fewest and most steps the charts show: a young console does not draw an empty past. */
const stepsShown = { min: 30, max: 150 } as const
/** Traces on the overview. */
const tracesShown = 12

/** Opens the console. */
export async function startConsole(options: ConsoleOptions): Promise<Running> {
  const { settings, clock, chance, log, telemetry } = options
  const client = createClient({ clock, chance })
  const asker = quietClient(client, chance)
  const traces = options.traces ?? new TraceStore()
  const logs = options.logs ?? new LogBook()
  const [hub, closing] = [new SseHub({ clock }), new AbortController()]
  const watched = watchedOf(options, asker)
  let campaigns: readonly Campaign[] | undefined
  const watcher = new Watcher(watched, {
    clock,
    client: asker,
    everyMs: settings.readEveryMs,
    pointsMax: settings.historyPoints,
    timeoutMs: settings.askTimeoutMs,
    onRound: async () => {
      campaigns = await readCampaigns(asker, settings.seckillUrl, settings.askTimeoutMs)
      if (hub.size > 0) hub.publish(panelsEvent(overview()))
    },
  })
  const overview = (): Overview => ({
    programs: watcher.programs,
    campaigns,
    traces: latest(traces),
    steps: stepsOf(watcher),
    stepSeconds: settings.readEveryMs / 1000,
    held: (traceId) => traces.spans(traceId).length > 0,
  })
  const handler = createRouter(
    [
      ...consoleRoutes({ traces, logs, hub, overview }),
      ...deskRoutes({
        settings,
        asker,
        watched,
        store: () => traces.size,
        adminToken: options.adminToken.value,
      }),
      ...healthRoutes({}, { clock, draining: () => closing.signal.aborted }),
      ...telemetryRoutes(telemetry, options.adminToken),
    ],
    { log, refuse },
  )
  // Pages need no token, so another site must not reach them through an operator's browser.
  const guarded = siteGuard(handler, { hosts: settings.consoleHosts })
  const listener = await listen({ ...settings, handler: guarded, clock, log, telemetry })
  const { host, otlpGrpcPort: grpcPort, otlpHttpPort: httpPort } = settings
  const intake = await openOtlpIntake({ host, grpcPort, httpPort, traces, logs: logs.sink, log })
  log.info('listening', { url: listener.url, port: listener.port })
  const watching = watcher.run(closing.signal)
  return {
    name: 'console',
    urls: {
      traffic: listener.url,
      ...(intake && {
        otlpGrpc: `http://${host}:${intake.grpcPort}`,
        otlpHttp: `http://${host}:${intake.httpPort}`,
      }),
    },
    stop: async () => {
      closing.abort()
      hub.close()
      await intake?.close()
      await listener.close()
      await watching
      await client.close()
    },
  }
}

function stepsOf({ programs }: Watcher): number {
  const longest = Math.max(...programs.map(({ history }) => history.steps.length))
  return Math.min(stepsShown.max, Math.max(stepsShown.min, longest))
}

function latest(traces: TraceStore): readonly TraceSummary[] {
  const shown = traces
    .list({ limit: tracesShown * 20 })
    .filter((trace) => !isUpkeep(trace))
    .slice(0, tracesShown)
  return named(traces, shown)
}

/** Failures as a page for people and a problem for programs. */
function refuse(fault: Fault, request: Request): Response {
  return (request.headers.get('accept') ?? '').includes('text/html')
    ? pageResponse(faultPage(fault.status, fault.message), fault.status)
    : problem(fault, request)
}

function watchedOf(options: ConsoleOptions, asker: Asker): readonly Watched[] {
  const { settings, clock, telemetries = [] } = options
  const programs = [
    { name: 'edge', url: settings.edgeAdminUrl },
    { name: 'shop', url: settings.shopUrl },
    { name: 'seckill', url: settings.seckillUrl },
    { name: 'recommend', url: settings.recommendUrl },
  ]
  return programs.map(({ name, url }) => {
    const telemetry = telemetries.find(({ serviceName }) => serviceName === `spate-${name}`)
    return {
      name,
      url,
      source: telemetry
        ? registrySource(telemetry, clock)
        : scrapeSource(asker, { url, timeoutMs: settings.askTimeoutMs, clock }),
    }
  })
}
