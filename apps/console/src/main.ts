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
import { LogStore } from '@spate/telemetry/log-store'
import { metricsOf } from '@spate/telemetry/collect'
import { MetricStore } from '@spate/telemetry/metric-store'
import { TraceStore, type TraceSummary } from '@spate/telemetry/trace-store'
import { readCampaigns, type Campaign } from './campaigns.ts'
import { deskRoutes } from './desk-routes.ts'
import { openOtlpIntake } from './otlp-intake.ts'
import { pageResponse } from './page-response.ts'
import { faultPage } from './pages/layout.ts'
import { quietClient, type Asker } from './quiet-client.ts'
import { consoleRoutes, isUpkeep, named, panelsEvent } from './routes.ts'
import type { Overview } from './pages/overview.ts'
import { metricsOfSamples } from './scraped-metrics.ts'
import type { ConsoleSettings } from './settings.ts'
import { signalRoutes } from './signal-routes.ts'
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
  /** Metrics and log records of any program; empty stores where absent. */
  readonly metrics?: MetricStore
  readonly logs?: LogStore
  /** Telemetry of programs in this process, by name: read as it is, with fine buckets; others are scraped. */
  readonly telemetries?: ReadonlyMap<string, Telemetry>
}

/** Fewest and most steps the charts show: a young console does not draw an empty past. */
const stepsShown = { min: 30, max: 150 } as const
/** Every so many readings all metrics are put into the store, not only those of the overview. */
const measuredEvery = 5
/** Traces on the overview. */
const tracesShown = 12

/** Opens the console. */
export async function startConsole(options: ConsoleOptions): Promise<Running> {
  const { settings, clock, chance, log, telemetry } = options
  const client = createClient({ clock, chance })
  const asker = quietClient(client, chance)
  const stores = storesOf(options)
  const { traces, metrics } = stores
  const [hub, closing] = [new SseHub({ clock }), new AbortController()]
  const watched = watchedOf(options, asker, metrics)
  let [campaigns, rounds]: [readonly Campaign[] | undefined, number] = [undefined, 0]
  const watcher = new Watcher(watched, {
    clock,
    client: asker,
    everyMs: settings.readEveryMs,
    pointsMax: settings.historyPoints,
    timeoutMs: settings.askTimeoutMs,
    onRound: async () => {
      if (++rounds % measuredEvery === 1) measure(options, metrics)
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
      ...consoleRoutes({ ...stores, hub, overview }),
      ...signalRoutes({ ...stores, now: () => clock.now() }),
      ...deskRoutes({
        settings,
        asker,
        watched,
        stores,
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
  const intake = await openOtlpIntake({ host, grpcPort, httpPort, ...stores, log })
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

function storesOf({
  traces,
  metrics,
  logs,
}: ConsoleOptions): Required<Pick<ConsoleOptions, 'traces' | 'metrics' | 'logs'>> {
  return {
    traces: traces ?? new TraceStore(),
    metrics: metrics ?? new MetricStore(),
    logs: logs ?? new LogStore(),
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

/** Puts the registries of this process beside what others send. */
function measure({ telemetries, clock }: ConsoleOptions, store: MetricStore): void {
  for (const { metrics, resource } of telemetries?.values() ?? [])
    store.sink(metricsOf(metrics.collect(), resource, clock.now()))
}

function watchedOf(
  options: ConsoleOptions,
  asker: Asker,
  metrics: MetricStore,
): readonly Watched[] {
  const { settings, clock, telemetries } = options
  const programs = [
    { name: 'edge', url: settings.edgeAdminUrl },
    { name: 'shop', url: settings.shopUrl },
    { name: 'seckill', url: settings.seckillUrl },
    { name: 'recommend', url: settings.recommendUrl },
  ]
  return programs.map(({ name, url }) => {
    const telemetry = telemetries?.get(name)
    let reads = 0
    return {
      name,
      url,
      source: telemetry
        ? registrySource(telemetry, clock)
        : scrapeSource(asker, {
            url,
            timeoutMs: settings.askTimeoutMs,
            clock,
            onSamples: (samples) => {
              if (++reads % measuredEvery === 1)
                metrics.sink(metricsOfSamples(samples, `spate-${name}`, clock.now()))
            },
          }),
    }
  })
}
