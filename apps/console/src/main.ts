import type { AdminToken } from '@spate/http/admin-token'
import { createClient, type Client } from '@spate/http/client'
import { healthRoutes } from '@spate/http/health'
import { listen } from '@spate/http/listener'
import { metricsRoute } from '@spate/http/metrics-route'
import { createRouter } from '@spate/http/router'
import { SseHub } from '@spate/http/sse'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { Running } from '@spate/runtime/lifecycle'
import type { Log } from '@spate/runtime/log'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { TraceStore } from '@spate/telemetry/trace-store'
import { readCampaigns, type Campaign } from './campaigns.ts'
import { LogBook } from './log-book.ts'
import { consoleRoutes, isUpkeep, panelsEvent } from './routes.ts'
import type { Overview } from './pages/overview.ts'
import type { ConsoleSettings } from './settings.ts'
import { registrySource, scrapeSource } from './sources.ts'
import { Watcher, type Watched } from './watcher.ts'

/** A program the console shows. */
export interface WatchedProgram {
  /** `edge`, `shop`, `seckill`, `recommend`: picks its colour. */
  readonly name: string
  /** Where health and metrics answer. */
  readonly url: string
  /** Its telemetry where it runs in this process: read as it is, not scraped. */
  readonly telemetry?: Telemetry
}

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
  /** Programs to show; the four the settings name where absent. */
  readonly programs?: readonly WatchedProgram[]
}

/** Steps the charts show. */
const stepsShown = 150
/** Traces on the overview. */
const tracesShown = 12

/** Opens the console. */
export async function startConsole(options: ConsoleOptions): Promise<Running> {
  const { settings, clock, log, telemetry } = options
  const client = createClient({ clock, chance: options.chance })
  const traces = options.traces ?? new TraceStore()
  const hub = new SseHub({ clock })
  const closing = new AbortController()
  let campaigns: readonly Campaign[] | undefined
  const overview = (): Overview => ({
    programs: watcher.programs,
    campaigns,
    traces: traces
      .list({ limit: tracesShown * 20 })
      .filter((trace) => !isUpkeep(trace))
      .slice(0, tracesShown),
    steps: Math.min(stepsShown, settings.historyPoints),
    stepSeconds: settings.readEveryMs / 1000,
  })
  const watcher = new Watcher(watchedOf(options, client), {
    clock,
    client,
    everyMs: settings.readEveryMs,
    pointsMax: settings.historyPoints,
    timeoutMs: settings.askTimeoutMs,
    onRound: async () => {
      campaigns = await readCampaigns(client, settings.seckillUrl, settings.askTimeoutMs)
      if (hub.size > 0) hub.publish(panelsEvent(overview()))
    },
  })
  const listener = await listen({
    ...settings,
    handler: createRouter(
      [
        ...consoleRoutes({ traces, logs: options.logs ?? new LogBook(), hub, overview }),
        ...healthRoutes({}, { clock, draining: () => closing.signal.aborted }),
        metricsRoute(telemetry),
      ],
      { log },
    ),
    clock,
    log,
    telemetry,
  })
  log.info('listening', { url: listener.url, port: listener.port })
  const watching = watcher.run(closing.signal)
  return {
    name: 'console',
    urls: { traffic: listener.url },
    stop: async () => {
      closing.abort()
      hub.close()
      await listener.close()
      await watching
      await client.close()
    },
  }
}

function watchedOf(options: ConsoleOptions, client: Client): readonly Watched[] {
  const { settings, clock } = options
  const programs = options.programs ?? [
    { name: 'edge', url: settings.edgeAdminUrl },
    { name: 'shop', url: settings.shopUrl },
    { name: 'seckill', url: settings.seckillUrl },
    { name: 'recommend', url: settings.recommendUrl },
  ]
  return programs.map(({ name, url, telemetry }) => ({
    name,
    url,
    source: telemetry
      ? registrySource(telemetry, clock)
      : scrapeSource(client, { url, timeoutMs: settings.askTimeoutMs, clock }),
  }))
}
