/**
 * `--workers N`: this process starts N others, each a whole edge node with a cache index of its
 * own, all listening on one traffic port (SO_REUSEPORT: the kernel spreads connections). This one
 * keeps the admin port: what changes something goes to every worker, what asks is asked of all and
 * put together. A worker that dies is started again.
 */
import type { AdminToken } from '@spate/http/admin-token'
import { createClient, type Client } from '@spate/http/client'
import type { Handler, Request, Response } from '@spate/http/exchange'
import { healthRoutes } from '@spate/http/health'
import { listen, type Listener } from '@spate/http/listener'
import { limitsOf } from '@spate/http/listener-limits'
import { metricsRoute } from '@spate/http/metrics-route'
import { jsonResponse } from '@spate/http/problem'
import { queryReader } from '@spate/http/query'
import { createRouter } from '@spate/http/router'
import { sseHeaders } from '@spate/http/sse'
import { Fault } from '@spate/runtime/fault'
import { Lifecycle, type Running } from '@spate/runtime/lifecycle'
import { statsQuery } from '../contract.ts'
import type { SketchAnswer } from '../traffic/stats-routes.ts'
import type { StartCrewOptions } from './crew-options.ts'
import { mergedAnswers, type WorkerAnswer } from './merged-answers.ts'
import { mergedEvents } from './merged-log.ts'
import { mergedMetrics } from './merged-metrics.ts'
import { mergedStats } from './merged-stats.ts'
import { Post } from './post.ts'

/** Largest body of an admin call, bytes. */
export const crewBodyBytesMax = 1_048_576

/** Longest a log is followed through a crew in one go, ms: a day. */
const logMsMax = 86_400_000

const statsReader = queryReader(statsQuery)

/** Starts `settings.workers` workers: `urls.traffic` and `urls.admin`. */
export async function startCrew(options: StartCrewOptions): Promise<Running> {
  const { settings, clock, log, telemetry, adminToken } = options
  const client = createClient({ clock })
  const posts: Post[] = []
  const lifecycle = new Lifecycle({ clock, log })
  const urls: Record<string, string> = {}
  let listener: Listener | undefined
  const crew = new Crew(posts, client, adminToken)
  const checks = (): Record<string, () => { ready: boolean; detail: string }> =>
    Object.fromEntries(posts.map((post) => [`worker:${post.index}`, () => post.health]))
  const own = createRouter(
    [...healthRoutes(checks, { clock }), metricsRoute({ exposition: () => crew.metrics() })],
    { log },
  )
  const handler: Handler = (request) =>
    request.path === '/metrics' || request.path.startsWith('/health/')
      ? own(request)
      : crew.answer(request)
  lifecycle.add({ name: 'calls', stop: (signal) => client.close(signal) })
  lifecycle.add({
    name: 'admin',
    start: async () => {
      const { host, adminPort: port } = settings
      const limits = limitsOf(settings)
      listener = await listen({ host, port, handler, clock, log, telemetry, limits })
      urls['admin'] = listener.url
      log.info('listening', { for: 'admin', url: listener.url })
    },
    stop: (signal) => listener?.close(signal),
  })
  for (let index = 0; index < settings.workers; index++) {
    lifecycle.add({
      name: `worker ${index}`,
      start: async () => {
        const first = posts[0]?.ready
        const post = new Post(index, { ...options, crewUrl: urls['admin'] as string })
        posts.push(post)
        // The first one finds the port free, or picks one; the others share it.
        const ready = await post.start(first && Number(new URL(first.traffic).port))
        urls['traffic'] ??= ready.traffic
      },
      stop: () => posts[index]?.stop(),
    })
  }
  await lifecycle.start()
  return {
    name: 'edge',
    urls,
    reload: () => crew.reload(),
    stop: async () => void (await lifecycle.stop()),
  }
}

/** Calls to all workers. */
class Crew {
  readonly #posts: readonly Post[]
  readonly #client: Client
  readonly #token: string

  constructor(posts: readonly Post[], client: Client, { value }: AdminToken) {
    this.#posts = posts
    this.#client = client
    this.#token = value
  }

  async metrics(): Promise<string> {
    const answers = await this.#all('/metrics', { method: 'GET' })
    return mergedMetrics(answers.map(({ body }) => body))
  }

  async reload(): Promise<void> {
    const refused = (await this.#all('/reload', { method: 'POST' })).find(
      ({ status }) => status !== 200,
    )
    if (refused) throw new Fault('settings_invalid', refused.body)
  }

  /** Asks every worker what was asked here, with the caller's own key, and puts the answers together. */
  async answer(request: Request): Promise<Response> {
    const { method, target, path } = request
    if (path === '/log' && method === 'GET') return this.#log(request)
    if (path === '/stats' && method === 'GET' && request.query !== '') return this.#stats(request)
    const body = await request.body.bytes(crewBodyBytesMax)
    const authorization = request.headers.get('authorization')
    const answers = await this.#all(target, {
      method,
      authorization: authorization ?? '',
      type: request.headers.get('content-type') ?? 'application/json',
      ...(body.length > 0 ? { body } : {}),
    })
    return mergedAnswers(path, answers)
  }

  /** `GET /stats?window=` of all workers together. */
  async #stats(request: Request): Promise<Response> {
    const authorization = request.headers.get('authorization') ?? ''
    const { window, top } = statsReader.read(request)
    const own = window === undefined ? '/stats' : `/stats/sketch?window=${window}`
    const answers = await this.#all(own, { method: 'GET', authorization })
    const refused = answers.some(({ status }) => status !== 200)
    if (window === undefined || refused || answers.length === 0)
      return mergedAnswers('/stats', answers)
    const sketches = answers.map(({ body }) => JSON.parse(body) as SketchAnswer)
    return jsonResponse(200, mergedStats(sketches, { window, top }))
  }

  /** The logs of all workers as one stream. */
  async #log({ target, headers, signal }: Request): Promise<Response> {
    const authorization = headers.get('authorization')
    const answers = await Promise.all(
      this.#posts.flatMap(({ ready }) =>
        ready
          ? this.#client.fetch(`${ready.admin}${target}`, {
              headers: authorization === undefined ? {} : { authorization },
              timeoutMs: logMsMax,
              bytesMax: Number.POSITIVE_INFINITY,
              signal,
            })
          : [],
      ),
    )
    const refused = answers.find(({ ok }) => !ok)
    if (!refused)
      return {
        status: 200,
        headers: sseHeaders,
        body: mergedEvents(answers.map((a) => a.stream())),
      }
    const body = await refused.text()
    // Owner: this line; who refused has sent all it has to say, the others end with their signal.
    for (const answer of answers)
      if (answer !== refused)
        answer
          .stream()
          .return()
          .catch(() => {})
    const type = refused.headers.get('content-type') ?? 'application/json'
    return { status: refused.status, headers: ['content-type', type], body }
  }

  async #all(
    target: string,
    call: {
      readonly method: string
      readonly authorization?: string
      readonly type?: string
      readonly body?: Uint8Array
    },
  ): Promise<WorkerAnswer[]> {
    const { method, authorization = `Bearer ${this.#token}`, type, body } = call
    const ready = this.#posts.flatMap((post) => (post.ready ? [post.ready] : []))
    if (ready.length < this.#posts.length && method !== 'GET')
      throw new Fault('overloaded', 'a worker is starting; nothing was changed', {
        retryAfterSeconds: 1,
      })
    return Promise.all(
      ready.map(async ({ admin }) => {
        const answer = await this.#client.fetch(`${admin}${target}`, {
          method,
          headers: [
            ...(authorization === '' ? [] : ['authorization', authorization]),
            ...(type === undefined ? [] : ['content-type', type]),
          ],
          ...(body ? { body } : {}),
          timeoutMs: 30_000,
        })
        const said = answer.headers.get('content-type') ?? 'application/json'
        return { status: answer.status, headers: ['content-type', said], body: await answer.text() }
      }),
    )
  }
}
