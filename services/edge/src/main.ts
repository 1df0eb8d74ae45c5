import type { AdminToken } from '@spate/http/admin-token'
import { healthRoutes, type Health } from '@spate/http/health'
import { listen, type Listener } from '@spate/http/listener'
import { limitsOf } from '@spate/http/listener-limits'
import { metricsRoute } from '@spate/http/metrics-route'
import { telemetryRoutes } from '@spate/http/telemetry-routes'
import { openApiRoute } from '@spate/http/openapi'
import { limited } from '@spate/http/rate-limit'
import { createRouter } from '@spate/http/router'
import { rateLimiterOf } from '@spate/http/settings'
import type { Handler } from '@spate/http/exchange'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { Lifecycle, type Running } from '@spate/runtime/lifecycle'
import type { Log } from '@spate/runtime/log'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { Edge } from './edge.ts'
import { OriginPool } from './origins/origin-pool.ts'
import type { OriginSet } from './origins/origin-set.ts'
import { policyOf } from './policy.ts'
import { adminRoutes } from './routes.ts'
import type { EdgeSettings } from './settings.ts'

/** What an edge node is started with. */
export interface StartEdgeOptions {
  readonly settings: EdgeSettings
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly telemetry: Telemetry
  /** Folder of this program's files. */
  readonly dataDir: string
  readonly adminToken: AdminToken
}

/** An edge node that runs. */
export interface RunningEdge extends Running {
  readonly edge: Edge
}

/** Starts an edge node: `urls.traffic` and `urls.admin`. Throws `Fault('settings_invalid')` without an origin. */
export async function startEdge(options: StartEdgeOptions): Promise<RunningEdge> {
  const { settings, clock, chance, log, telemetry, adminToken } = options
  if (settings.origin === undefined)
    throw new Fault(
      'settings_invalid',
      'origin: say where pages come from, --origin http://host:port',
    )
  const pool = new OriginPool({ clock, chance, log })
  const origin = pool.set([settings.origin, ...settings.origins], settings)
  await pool.settle()
  const edge = new Edge({
    origin,
    originName: new URL(settings.origin).host,
    memoryBytesMax: settings.memoryBytesMax,
    policy: policyOf(settings),
    clock,
    chance,
    telemetry,
  })
  const lifecycle = new Lifecycle({ clock, log })
  const health = healthRoutes({ origin: () => originHealth(origin) }, { clock })
  const common = [...health, metricsRoute(telemetry)]
  const calls = adminRoutes(edge)
  const described = openApiRoute(calls, { title: 'Spate edge, admin', version: '0.1.0' })
  const admin = createRouter(
    [...health, ...telemetryRoutes(telemetry, adminToken), ...calls, described],
    { log, adminToken },
  )
  const urls: Record<string, string> = {}
  const open = (name: string, port: number, handler: Handler): void => {
    let listener: Listener | undefined
    lifecycle.add({
      name,
      start: async () => {
        listener = await listen({
          host: settings.host,
          port,
          handler,
          clock,
          log,
          telemetry,
          limits: limitsOf(settings),
          trustedProxies: settings.trustedProxies,
          forwardedHeader: settings.forwardedHeader,
        })
        urls[name] = listener.url
        log.info('listening', { for: name, url: listener.url })
      },
      stop: (signal) => listener?.close(signal),
    })
  }
  lifecycle.add({ name: 'cache', stop: () => edge.close() })
  lifecycle.add({ name: 'origins', stop: () => pool.close() })
  open('admin', settings.adminPort, admin)
  const limiter = rateLimiterOf(settings, clock)
  const { tracer } = telemetry
  const traffic = limiter ? limited(edge.handle, { limiter, tracer }) : edge.handle
  open('traffic', settings.port, trafficHandler(traffic, createRouter(common, { log })))
  await lifecycle.start()
  return { name: 'edge', urls, edge, stop: async () => void (await lifecycle.stop()) }
}

/** What the origins are like, for readiness: a cache without its origin still answers, so none is vital. */
function originHealth(origin: OriginSet): Health {
  const well = origin.members.filter(
    ({ healthy, breaker }) => healthy && breaker.state === 'closed',
  )
  return {
    ready: well.length > 0,
    optional: true,
    detail: `${well.length} of ${origin.members.length} well`,
  }
}

/** The node's own paths first, told apart by one letter; all else is traffic. */
function trafficHandler(traffic: Handler, own: Handler): Handler {
  return (request) => {
    const { path } = request
    const third = path.charCodeAt(2)
    if (third === 101 && (path === '/metrics' || path.startsWith('/health/'))) return own(request)
    return traffic(request)
  }
}
