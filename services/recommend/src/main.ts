import { join } from 'node:path'
import type { EventLog } from '@spate/eventlog/event-log'
import type { AdminToken } from '@spate/http/admin-token'
import { healthRoutes } from '@spate/http/health'
import { listen, type Listener } from '@spate/http/listener'
import { limitsOf } from '@spate/http/listener-limits'
import { limited } from '@spate/http/rate-limit'
import { openApiRoute } from '@spate/http/openapi'
import { createRouter } from '@spate/http/router'
import { rateLimiterOf } from '@spate/http/settings'
import { telemetryRoutes } from '@spate/http/telemetry-routes'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { Lifecycle, type Running } from '@spate/runtime/lifecycle'
import type { Log } from '@spate/runtime/log'
import type { KeyValue } from '@spate/state/key-value'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { Engine } from './engine.ts'
import type { Ranker } from './rank/ranker.ts'
import type { AskChannel } from './recall/recall.ts'
import { addGrpc } from './grpc/grpc-door.ts'
import { recommendRoutes } from './routes.ts'
import type { RecommendSettings } from './settings.ts'

/** What the recommend program is started with. */
export interface StartRecommendOptions {
  readonly settings: RecommendSettings
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly telemetry: Telemetry
  /** Folder of this program's files; snapshots lie in `recommend` below it. */
  readonly dataDir: string
  readonly adminToken: AdminToken
  readonly eventLog: EventLog
  /** Shared store for features of users; this process's memory where absent. */
  readonly keyValue?: KeyValue
  /** Asks a recall channel; for tests of degradation. */
  readonly ask?: AskChannel
  /** Ranks in place of what the settings name; for tests of degradation. */
  readonly ranker?: Ranker
}

/** A recommend program that runs. */
export interface RunningRecommend extends Running {
  readonly engine: Engine
}

/** Starts the program: `urls.traffic` and `urls.grpc`. Answers at once; `/health/ready` says when the log is read. */
export async function startRecommend(options: StartRecommendOptions): Promise<RunningRecommend> {
  const { settings, clock, log, telemetry, adminToken } = options
  const engine = await Engine.open({ ...options, folder: join(options.dataDir, 'recommend') })
  const lifecycle = new Lifecycle({ clock, log })
  const state = (): { ready: boolean; detail: string } =>
    engine.ready
      ? {
          ready: true,
          detail: `${engine.state.catalogue.size} items, partition ${engine.partition.name}`,
        }
      : { ready: false, detail: `reading the event log, ${engine.lag} entries to go` }
  const common = [
    ...healthRoutes({ state }, { clock, draining: () => lifecycle.state === 'draining' }),
    ...telemetryRoutes(telemetry, adminToken),
  ]
  const routes = recommendRoutes({
    ...parts(engine),
    clock,
    publish: (topic, entries) => options.eventLog.publish(topic, entries),
  })
  const described = openApiRoute(routes, { title: 'Spate recommend', version: '0.1.0' })
  const calls = createRouter([...routes, described], { log, adminToken })
  const limiter = rateLimiterOf(settings, clock)
  const { tracer } = telemetry
  const fallback = limiter ? limited(calls, { limiter, tracer }) : calls
  const handler = createRouter(common, { log, fallback })
  let listener: Listener | undefined
  lifecycle.add({
    name: 'engine',
    start: () => engine.start(),
    stop: () => engine.stop(),
  })
  lifecycle.add({
    name: 'listener',
    start: async () => {
      listener = await listen({
        ...settings,
        handler,
        clock,
        log,
        telemetry,
        limits: limitsOf(settings),
      })
    },
    stop: (signal) => listener?.close(signal),
  })
  const grpc = addGrpc(lifecycle, {
    ...options,
    routes,
    handler: fallback,
    ingest: engine.ingest,
    applied: () => engine.applied(),
    ready: () => engine.caughtUp,
  })
  await lifecycle.start()
  const url = listener?.url ?? ''
  log.info('listening', { url })
  return {
    name: 'recommend',
    urls: { traffic: url, grpc: grpc.url() },
    engine,
    stop: async () => void (await lifecycle.stop()),
  }
}

function parts(engine: Engine): Pick<
  Engine,
  | 'recommender'
  | 'ingest'
  | 'state'
  | 'served'
  | 'trainer'
  | 'features'
  | 'warmups'
  | 'feedback'
  | 'model'
  | 'partition'
> & {
  readonly applied: () => Promise<void>
} {
  const { recommender, ingest, state, served, trainer, features, warmups, feedback, model } = engine
  const { partition } = engine
  const applied = (): Promise<void> => engine.applied()
  return {
    recommender,
    ingest,
    state,
    served,
    trainer,
    features,
    warmups,
    feedback,
    model,
    partition,
    applied,
  }
}
