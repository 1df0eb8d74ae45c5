/**
 * `--workers N`, and `--upgradable` with one: this process keeps the traffic port and the admin port
 * and starts N others, each a whole edge node with a cache of its own, which accept from the port.
 * What changes something goes to every worker, what asks is asked of all and put together. A worker
 * that dies is started again; all of them are replaced by new code at an upgrade.
 */
import { createClient } from '@spate/http/client'
import type { Handler } from '@spate/http/exchange'
import { healthRoutes } from '@spate/http/health'
import { holdPort, type HeldPort } from '@spate/http/held-port'
import { listen, type Listener } from '@spate/http/listener'
import { limitsOf } from '@spate/http/listener-limits'
import { metricsRoute } from '@spate/http/metrics-route'
import { createRouter } from '@spate/http/router'
import { Fault } from '@spate/runtime/fault'
import { Lifecycle, type Running } from '@spate/runtime/lifecycle'
import type { Subscription } from '@spate/eventlog/event-log'
import { followStock } from '../stock-events.ts'
import type { EdgeSettings } from '../settings.ts'
import { CrewCalls } from './crew-calls.ts'
import type { StartCrewOptions } from './crew-options.ts'
import { Post } from './post.ts'
import { socketsOf } from './place.ts'
import { replaceAll, upgradeRoute } from './upgrade.ts'
import type { WorkerProcess } from './worker-process.ts'

/** Sockets of the traffic port: a burst of new connections is spread over them. */
const socketsMin = 64
/** Sockets each worker has at the least. */
const socketsOfWorkerMin = 4
/** Time a worker has to end once the time for its last requests is over, ms. */
const endMsMax = 20_000

/** What became of an upgrade. */
export interface UpgradeAnswer {
  readonly upgraded: true
  readonly workers: number
  /** 2 after the first upgrade. */
  readonly generation: number
  /** Names of settings that differ and belong to this process: they hold only after a restart. */
  readonly restart: readonly string[]
}

/** Settings of the process that keeps the ports. */
const kept = ['host', 'port', 'adminPort', 'adminToken', 'workers', 'upgradable'] as const

/** Starts `settings.workers` workers: `urls.traffic` and `urls.admin`. */
export async function startCrew(options: StartCrewOptions): Promise<Running> {
  const { clock, log } = options
  const lifecycle = new Lifecycle({ clock, log })
  const crew = new Crew(options)
  const urls: Record<string, string> = {}
  lifecycle.add({ name: 'port', start: () => crew.hold(), stop: () => crew.held?.close() })
  lifecycle.add({ name: 'calls', stop: (signal) => crew.client.close(signal) })
  let listener: Listener | undefined
  lifecycle.add({
    name: 'admin',
    start: async () => {
      listener = await listenForAdmins(options, crew)
      urls['admin'] = listener.url
      log.info('listening', { for: 'admin', url: listener.url })
    },
    stop: (signal) => listener?.close(signal),
  })
  lifecycle.add({
    name: 'workers',
    start: async () => {
      urls['traffic'] = await crew.start(urls['admin'] as string)
    },
    stop: () => crew.stop(),
  })
  followSale(options, lifecycle, crew.calls)
  await lifecycle.start()
  return {
    name: 'edge',
    urls,
    reload: () => crew.calls.reload(),
    upgrade: () => crew.upgrade(),
    stop: async () => void (await lifecycle.stop()),
  }
}

function listenForAdmins(options: StartCrewOptions, crew: Crew): Promise<Listener> {
  const { settings, clock, log, telemetry, adminToken } = options
  const own = createRouter(
    [
      ...healthRoutes(() => crew.checks, { clock }),
      metricsRoute({ exposition: () => crew.calls.metrics() }),
      upgradeRoute(() => crew.upgrade()),
    ],
    { log, adminToken },
  )
  const handler: Handler = (request) =>
    request.path === '/metrics' ||
    request.path === '/upgrade' ||
    request.path.startsWith('/health/')
      ? own(request)
      : crew.calls.answer(request)
  const { host, adminPort: port } = settings
  return listen({ host, port, handler, clock, log, telemetry, limits: limitsOf(settings) })
}

/** Has all workers forget what the flash sale says is sold out, or to be had again. */
function followSale(
  { eventLog, log }: StartCrewOptions,
  lifecycle: Lifecycle,
  calls: CrewCalls,
): void {
  if (!eventLog) return
  let following: Subscription | undefined
  lifecycle.add({
    name: 'stock events',
    start: () => {
      const purge = (tags: readonly string[], events: number): Promise<void> =>
        calls.purgeSold(tags, events)
      following = followStock({ eventLog, log, purge })
    },
    stop: () => following?.close(),
  })
}

/** The workers and who comes after them. */
class Crew {
  readonly client: ReturnType<typeof createClient>
  readonly calls: CrewCalls
  held: HeldPort | undefined
  readonly #options: StartCrewOptions
  readonly #posts: Post[] = []
  readonly #leaving = new Set<WorkerProcess>()
  #generation = 1
  #upgrading = false

  constructor(options: StartCrewOptions) {
    const { clock, adminToken } = options
    this.#options = options
    this.client = createClient({ clock })
    const { client } = this
    this.calls = new CrewCalls({
      posts: this.#posts,
      leaving: this.#leaving,
      client,
      adminToken,
      clock,
    })
  }

  get checks(): Record<string, () => { ready: boolean; detail: string }> {
    return Object.fromEntries(
      this.#posts.map((post) => [`worker:${post.index}`, () => post.health]),
    )
  }

  /** Takes the traffic port. */
  async hold(): Promise<void> {
    const { host, port, workers } = this.#options.settings
    const sockets = Math.max(socketsMin, socketsOfWorkerMin * workers)
    this.held = await holdPort({ host, port, sockets })
  }

  /** Starts the workers; resolves to the URL of the traffic port once all answer. */
  async start(crewUrl: string): Promise<string> {
    const { workers } = this.#options.settings
    const { port, sockets } = this.held as HeldPort
    const parts = {
      ...this.#options,
      crewUrl,
      port,
      sockets,
      onChanged: this.#changed,
    }
    for (let index = 0; index < workers; index++)
      this.#posts.push(new Post(index, parts, (empty) => this.#standIn(empty)))
    try {
      await Promise.all(this.#posts.map((post) => post.start()))
    } catch (caught) {
      await this.stop()
      throw caught
    }
    return this.#posts[0]?.worker?.ready?.traffic ?? ''
  }

  /**
   * Replaces all workers by ones of the code and settings that are there now. Throws
   * `invalid_field` for bad settings and `conflict` where a new one cannot run: the old ones go on.
   */
  async upgrade(): Promise<UpgradeAnswer> {
    if (this.#upgrading) throw new Fault('conflict', 'an upgrade is under way')
    if (this.#posts.some(({ worker }) => !worker))
      throw new Fault('overloaded', 'a worker is starting', { retryAfterSeconds: 1 })
    this.#upgrading = true
    const { log, settings } = this.#options
    try {
      const next = readAgain(this.#options)
      const restart = kept.filter((name) => settings[name] !== next[name])
      await replaceAll(this.#posts, {
        alone: (task) => this.calls.alone(task),
        onReplaced: (worker) => this.#seeOff(worker, next.drainMs),
      })
      const generation = ++this.#generation
      log.info('upgraded', { generation, workers: this.#posts.length, restart: restart.join(' ') })
      return { upgraded: true, workers: this.#posts.length, generation, restart }
    } finally {
      this.#upgrading = false
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#posts, ...this.#leaving].map((each) => each.stop()))
  }

  /** A worker on its way out has its time, and then some. */
  #seeOff(worker: WorkerProcess, drainMs: number): void {
    const { clock, log } = this.#options
    this.#leaving.add(worker)
    worker.tell({ order: 'leave' })
    const late = clock.after(drainMs + endMsMax, () => {
      log.warn('a worker did not leave in time and is ended', { worker: worker.index })
      // Owner: the next lines, which see its end.
      void worker.stop('at once')
    })
    // Owner: this line.
    void worker.exited.then(() => {
      late.cancel()
      this.#leaving.delete(worker)
    })
  }

  /** Somebody else accepts what comes for a worker that is away. */
  #standIn({ index }: Post): void {
    const { workers } = this.#options.settings
    const sockets = this.held?.sockets.length ?? 0
    // Where there is but one socket all accept from it anyway.
    if (socketsOf({ workers, sockets }, index).length === sockets) return
    const alive = this.#posts.flatMap(({ worker }) => worker ?? [])
    const next = alive.find((worker) => worker.index > index) ?? alive[0]
    next?.tell({ order: 'open', index })
  }

  readonly #changed = (what: Parameters<WorkerProcess['forget']>[0], by: WorkerProcess): void => {
    for (const worker of [...this.#posts.flatMap(({ all }) => all), ...this.#leaving])
      if (worker !== by) worker.forget(what)
  }
}

/** Bad settings are the caller's affair here, with every field. */
function readAgain({ reread }: StartCrewOptions): EdgeSettings {
  try {
    return reread()
  } catch (caught) {
    const fault = Fault.from(caught)
    if (fault.code !== 'settings_invalid') throw fault
    throw new Fault('invalid_field', fault.message, { fields: fault.fields, cause: fault })
  }
}
