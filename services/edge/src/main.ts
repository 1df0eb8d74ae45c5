import { hostname } from 'node:os'
import type { EventLog, Subscription } from '@spate/eventlog/event-log'
import type { AdminToken } from '@spate/http/admin-token'
import { healthRoutes, type HealthChecks } from '@spate/http/health'
import { listen, type Listener } from '@spate/http/listener'
import { limitsOf, listenLimitSettings } from '@spate/http/listener-limits'
import { metricsRoute } from '@spate/http/metrics-route'
import { telemetryRoutes } from '@spate/http/telemetry-routes'
import { openApiRoute } from '@spate/http/openapi'
import { createRouter, type Route } from '@spate/http/router'
import { rateLimiterOf } from '@spate/http/settings'
import type { Answered, Handler, Request } from '@spate/http/exchange'
import { nodeDisk } from '@spate/journal/node-disk'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { errorText, Fault } from '@spate/runtime/fault'
import { Lifecycle, type Running } from '@spate/runtime/lifecycle'
import type { Log } from '@spate/runtime/log'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { diskTierOf } from './disk/disk-settings.ts'
import type { DiskTier } from './disk/disk-tier.ts'
import { sharedTierOf } from './shared-tier/shared-settings.ts'
import { hashOf } from './domain/distinct-count.ts'
import { Edge } from './edge.ts'
import { originChecks } from './origins/origin-checks.ts'
import { publishOriginMetrics } from './origins/origin-metrics.ts'
import { OriginPool } from './origins/origin-pool.ts'
import type { NodeNames } from './peers/node-names.ts'
import { nodesOf } from './peers/nodes.ts'
import { isOfPeer } from './peers/peers.ts'
import { peerRoutes } from './peers/routes.ts'
import { differences, type ReloadAnswer } from './reload.ts'
import type { PurgeFanOut } from './peers/purge-fan-out.ts'
import { adminRoutes } from './routes.ts'
import type { EdgeSettings } from './settings.ts'
import { SiteKeeper } from './sites/site-keeper.ts'
import { followStock } from './stock-events.ts'
import { sketchRoute, statsRoutes } from './traffic/stats-routes.ts'
import { emptyOrder } from './store/response-index.ts'
import { WarmJobs, warmRoutes } from './warm/warm-routes.ts'
import { upgradeRoute } from './workers/upgrade.ts'
import { crewMetricsRoute, Worker, type WorkerParts } from './workers/worker.ts'
import { TrafficGate } from './traffic-gate.ts'

/** What an edge node is started with. */
export interface StartEdgeOptions {
  readonly settings: EdgeSettings
  /** The settings as they are now, for reloads. Throws `settings_invalid`. Absent: a reload changes nothing. */
  readonly reread?: () => EdgeSettings
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly telemetry: Telemetry
  /** Show addresses of clients whole in statistics and log, not their networks. Default false. */
  readonly wholeAddresses?: boolean
  /** This process is a worker of a crew: its port is held and its admin port is for the crew alone. */
  readonly worker?: WorkerParts
  /** Folder of this program's files. */
  readonly dataDir: string
  readonly adminToken: AdminToken
  /** Where the flash sale tells what is sold out; absent: nobody tells this node. */
  readonly eventLog?: EventLog | undefined
}

/** An edge node that runs. */
export interface RunningEdge extends Running {
  readonly edge: Edge
}

/** Starts an edge node: `urls.traffic` and `urls.admin`. Throws `Fault('settings_invalid')` without an origin. */
export async function startEdge(options: StartEdgeOptions): Promise<RunningEdge> {
  const { settings, clock, chance, log, telemetry, dataDir } = options
  const worker = options.worker && new Worker(options.worker, { clock, log })
  const pool = new OriginPool({ clock, chance, log })
  const sites = new SiteKeeper(pool)
  await sites.take(settings).gone
  const nodes = nodesOf(settings, options)
  const { peers, fanOut, statistics } = nodes
  const openDisk = (): Promise<DiskTier | undefined> => diskTierOf(settings, { dataDir, log })
  await worker?.turn()
  const edge = new Edge({
    peers,
    statistics,
    sites: sites.sites,
    memoryBytesMax: settings.memoryBytesMax,
    transientBytesMax: settings.transientBytesMax,
    disk: await openDisk(),
    onChanged: worker && ((what) => worker.changed(what)),
    clientSeed: hashOf(options.adminToken.value, 0),
    wholeAddresses: options.wholeAddresses ?? false,
    node: { id: settings.nodeId ?? hostname(), region: settings.nodeRegion },
    shared: sharedTierOf(settings, { clock, log }),
    clock,
    chance,
    telemetry,
  })
  const handOver = { disk: nodeDisk, folder: dataDir, identity: settings.origin ?? '' }
  await worker?.takeUp(edge.store.memory, handOver)
  const exempt = (request: Request): boolean => isOfPeer(peers, request)
  const gate = new TrafficGate(edge.handle, { clock, telemetry, exempt })
  gate.take(settings)
  const reload = reloaderOf(options, { sites, edge, gate, names: nodes.names })
  const lifecycle = new Lifecycle({ clock, log })
  const health = healthRoutes(() => checksOf(sites, edge), { clock })
  const metrics = worker ? crewMetricsRoute(worker.place, options) : metricsRoute(telemetry)
  const watch = watchOf(options, edge, () => sites.origins)
  const admin = adminHandler(options, health, [
    ...adminRoutes({ edge, reload, fanOut }),
    ...watch.calls,
    ...peerRoutes(peers, settings.peerAdminPort),
    upgradeRoute(notHere),
  ])
  const urls: Record<string, string> = {}
  const open = openerOf(options, lifecycle, urls)
  lifecycle.add({ name: 'cache', stop: () => edge.close() })
  lifecycle.add({ name: 'nodes', stop: () => nodes.close() })
  followSale(options, lifecycle, { edge, fanOut })
  lifecycle.add({ name: 'origins', stop: () => pool.close() })
  const { host, port, adminPort } = settings
  open('admin', { host: worker ? '127.0.0.1' : host, port: adminPort }, admin)
  const own = createRouter([...health, metrics], { log })
  const door = { host, port, sockets: worker?.sockets, answered: edge.traffic.answered }
  const traffic = open('traffic', door, trafficHandler(gate.handle, own))
  lifecycle.add({ name: 'log and warm-ups', stop: () => watch.end() })
  await lifecycle.start()
  await nodes.names.start(settings, urls['traffic'] as string)
  worker?.serve({ edge, openDisk, handOver, traffic, drainMs: settings.drainMs })
  return {
    name: 'edge',
    urls,
    edge,
    ...(worker ? { over: worker.over } : {}),
    reload: () => Promise.resolve().then(() => void reload()),
    upgrade: notHere,
    stop: async () => void (await lifecycle.stop()),
  }
}

/** The shared tier is no more vital than the origins are: without it they are asked more often. */
function checksOf({ origins }: SiteKeeper, { shared }: Edge): HealthChecks {
  const checks = originChecks(origins)
  if (!shared) return checks
  const { state } = shared.figures
  return { ...checks, shared: () => ({ ready: state === 'closed', optional: true, detail: state }) }
}

/** Statistics, log and warm-ups: their calls, and how to end what they keep open. */
function watchOf(
  { settings, telemetry, worker }: StartEdgeOptions,
  edge: Edge,
  origins: () => SiteKeeper['origins'],
): { readonly calls: readonly Route[]; end(): void } {
  const warm = new WarmJobs(edge)
  publishOriginMetrics(telemetry, origins)
  return {
    calls: [
      ...statsRoutes(edge, origins),
      ...warmRoutes(edge, warm, settings.warmConcurrency),
      ...(worker ? [sketchRoute(edge, origins)] : []),
    ],
    end: () => {
      // Who follows the log would hold the admin port open.
      edge.traffic.log.close()
      warm.close()
    },
  }
}

/** A process cannot replace itself behind its own port. */
function notHere(): Promise<never> {
  const how = 'start it with --upgradable, and ask the process that keeps its port'
  return Promise.reject(new Fault('conflict', `this process cannot be upgraded: ${how}`))
}

/** Adds a listener to `lifecycle`; its URL goes to `urls` once it listens. What it returns gives the listener. */
function openerOf(
  { settings, clock, log, telemetry }: StartEdgeOptions,
  lifecycle: Lifecycle,
  urls: Record<string, string>,
): (name: string, door: Door, handler: Handler) => () => Listener | undefined {
  const { trustedProxies, forwardedHeader } = settings
  const common = { clock, log, telemetry, limits: limitsOf(settings) }
  return (name, door, handler) => {
    let listener: Listener | undefined
    lifecycle.add({
      name,
      start: async () => {
        listener = await listen({ ...door, handler, ...common, trustedProxies, forwardedHeader })
        urls[name] = listener.url
        log.info('listening', { for: name, url: listener.url })
      },
      stop: (signal) => listener?.close(signal),
    })
    return () => listener
  }
}

/** Keeps what is told of stock true, on this node and its peers, where there is somebody to hear it from. */
function followSale(
  { eventLog, log }: StartEdgeOptions,
  lifecycle: Lifecycle,
  { edge, fanOut }: { readonly edge: Edge; readonly fanOut: PurgeFanOut },
): void {
  if (!eventLog) return
  let following: Subscription | undefined
  lifecycle.add({
    name: 'stock events',
    start: () => {
      const purge = async (tags: readonly string[], events: number): Promise<void> => {
        const local = (): Promise<number> => edge.transfers.purgeForGood({ ...emptyOrder, tags })
        await (fanOut.needed ? fanOut.purge({ tags }, local) : local())
        edge.statistics.stockEvents += events
      }
      following = followStock({ eventLog, log, purge })
    },
    stop: () => following?.close(),
  })
}

function adminHandler(
  { telemetry, adminToken, log }: StartEdgeOptions,
  health: readonly Route[],
  calls: readonly Route[],
): Handler {
  const described = openApiRoute(calls, { title: 'Spate edge, admin', version: '0.1.0' })
  const own = [...health, ...telemetryRoutes(telemetry, adminToken)]
  return createRouter([...own, ...calls, described], { log, adminToken })
}

/** Where to listen. */
interface Door {
  readonly host: string
  readonly port: number
  readonly sockets?: readonly number[] | undefined
  readonly answered?: Answered
}

/** What a reload changes. */
interface Reloaded {
  readonly sites: SiteKeeper
  readonly edge: Edge
  readonly gate: TrafficGate
  readonly names: NodeNames
}

/** Takes up settings that are read again; throws and changes nothing where they are bad. */
function reloaderOf(
  { settings, reread, log, clock }: StartEdgeOptions,
  { sites, edge, gate, names }: Reloaded,
): () => ReloadAnswer {
  let current = settings
  return () => {
    const next = reread?.() ?? current
    rateLimiterOf(next, clock)
    const { gone } = sites.take(next)
    // Owner: this line; an origin that lets go late harms nobody.
    gone.catch((caught: unknown) => log.warn('origins were not let go', { why: errorText(caught) }))
    edge.sites = sites.sites
    edge.transientBytesMax = next.transientBytesMax
    gate.take(next)
    names.take(next)
    const answer = differences(current, next, Object.keys(listenLimitSettings))
    current = next
    log.info('took up the settings', {
      changed: answer.changed.join(' '),
      restart: answer.restart.join(' '),
    })
    return answer
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
