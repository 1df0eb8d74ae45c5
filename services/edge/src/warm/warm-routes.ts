import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Request } from '@spate/http/exchange'
import type { Route } from '@spate/http/router'
import { uuidv7 } from '@spate/runtime/chance'
import { Fault, shown } from '@spate/runtime/fault'
import { jobParams, warmBody, warmBytesMax, type WarmAnswer } from '../contract.ts'
import { trafficView } from '../domain/traffic-view.ts'
import { windowSecondsMax } from '../domain/traffic-window.ts'
import type { Edge } from '../edge.ts'
import { WarmJob } from './warm-job.ts'

/** Jobs that may run at once; more are refused. */
export const jobsRunningMax = 4
/** Jobs that are remembered; the oldest that ended goes first. */
export const jobsHeldMax = 64
/** Field by which a crew gives the jobs of all its workers one id. */
export const warmJobField = 'spate-warm-job'

/** Jobs of one node. */
export class WarmJobs {
  readonly #edge: Edge
  readonly #jobs = new Map<string, WarmJob>()

  constructor(edge: Edge) {
    this.#edge = edge
  }

  /** The job `id`. Throws `Fault('not_found')`. */
  job(id: string): WarmJob {
    const job = this.#jobs.get(id)
    if (!job) throw new Fault('not_found', 'there is no such job, or it was long ago')
    return job
  }

  /** A new job. Throws `Fault('overloaded')` where too many run. */
  open(id: string): WarmJob {
    const all = [...this.#jobs.values()]
    if (all.filter(({ running }) => running).length >= jobsRunningMax)
      throw new Fault('overloaded', `${jobsRunningMax} jobs run already`, { retryAfterSeconds: 5 })
    const ended = all.length >= jobsHeldMax ? all.find(({ running }) => !running) : undefined
    if (ended) this.#jobs.delete(ended.id)
    const job = new WarmJob(id, this.#edge)
    this.#jobs.set(id, job)
    return job
  }

  /** Cancels what runs. */
  close(): void {
    for (const job of this.#jobs.values()) job.cancel()
  }
}

/** `POST /warm`, `GET /warm/{id}` and `DELETE /warm/{id}`. `concurrency`: pages fetched at once. */
export function warmRoutes(edge: Edge, jobs: WarmJobs, concurrency: number): Route[] {
  const accepted = (job: WarmJob): WarmAnswer => job.answer
  return [
    typedRoute({
      method: 'POST',
      path: '/warm',
      name: 'warm',
      summary:
        'Brings pages into the cache: of a list, a sitemap, or the most wanted of the last hour',
      admin: true,
      body: warmBody,
      bytesMax: warmBytesMax,
      handler: (request, { body: { urls = [], sitemap, top } }) => {
        if (urls.length === 0 && sitemap === undefined && top === undefined)
          throw new Fault('invalid_request', 'name urls or a sitemap, or say top')
        const wanted = urls.map((url) => servedUrl(edge, url, 'urls'))
        const map = sitemap === undefined ? undefined : servedUrl(edge, sitemap, 'sitemap')
        const job = jobs.open(idOf(request, edge))
        for (const url of wanted) job.add(url)
        for (const url of top === undefined ? [] : mostWanted(edge, top)) job.add(url)
        // Owner: the job; it never rejects, and `close` cancels it.
        void job.run(map, concurrency)
        return jsonResponse(202, accepted(job), ['location', `/warm/${job.id}`])
      },
    }),
    typedRoute({
      method: 'GET',
      path: '/warm/{id}',
      name: 'warm job',
      summary: 'How far a job is',
      admin: true,
      params: jobParams,
      handler: (_, { params }) => jsonResponse(200, jobs.job(params.id).answer),
    }),
    typedRoute({
      method: 'DELETE',
      path: '/warm/{id}',
      name: 'cancel warm job',
      summary: 'Cancels a job; what it brought in stays',
      admin: true,
      params: jobParams,
      handler: (_, { params }) => {
        const job = jobs.job(params.id)
        job.cancel()
        return jsonResponse(200, job.answer)
      },
    }),
  ]
}

function idOf(request: Request, edge: Edge): string {
  const given = request.headers.get(warmJobField) ?? ''
  return /^[\da-f-]{36}$/.test(given) ? given : uuidv7(edge.now())
}

/** A URL whose host this node serves. Throws `Fault('invalid_field')` otherwise. */
function servedUrl(edge: Edge, text: string, field: string): URL {
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null
  const plain = url && url.username === '' && url.password === ''
  if (plain && edge.sites.of(url.host)) return url
  throw new Fault('invalid_field', plain ? 'this node does not serve that host' : 'no usable URL', {
    fields: [
      {
        field,
        value: shown(text),
        expected: 'absolute http or https URLs of hosts that are served',
      },
    ],
  })
}

/** The most wanted paths of the last hour, most wanted first; those too long to be held whole are left out. */
function mostWanted(edge: Edge, most: number): URL[] {
  const seen = edge.traffic.over(windowSecondsMax)
  const { top } = trafficView(seen, { window: windowSecondsMax, most })
  return top.paths.flatMap(({ host, path }) =>
    path.endsWith('…') ? [] : (URL.parse(`http://${host}${path}`) ?? []),
  )
}
