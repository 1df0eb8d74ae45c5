import { SpanKind, type Attributes } from '@opentelemetry/api'
import { ExponentialHistogram } from './exponential-histogram.ts'
import type { Family, HistogramSeries } from './metrics.ts'
import { SpanShape } from './span-shape.ts'

/** Routes held; later ones share one entry. */
export const routesMax = 500
/** Requests after which a route's P99 is worked out anew. */
const judgedEvery = 512
/** Requests after which their durations are taken over. */
const freshMost = 64
/** Requests a route needs before anything counts as slow. */
const slowAfter = 256
/** A (method, status) not seen for this long is rare again, ms. */
const rareAfterMs = 300_000

/** Seconds over which a route's error rate is judged. */
const windowSlots = 5
/** Requests the window needs before it is believed. */
const windowLeast = 100
const boostAbove = 0.01
const calmBelow = 0.005
/** A route stays boosted this long after its last bad second, ms. */
const coolDownMs = 30_000
/** Paths remembered of routes that fail. */
const pathsMax = 4096

/** What is known of requests of one route with one method and status. */
export class RequestKind {
  readonly series: HistogramSeries
  readonly #method: string
  readonly #status: number
  readonly #secure: boolean
  /** Monotonic time of the last one, ms. */
  lastMs: number = Number.NEGATIVE_INFINITY
  #shape: SpanShape | undefined = undefined

  constructor(series: HistogramSeries, method: string, status: number, secure: boolean) {
    this.series = series
    this.#method = method
    this.#status = status
    this.#secure = secure
  }

  /** What their server spans have in common. */
  shape(route: string | undefined): SpanShape {
    this.#shape ??= new SpanShape(
      {
        'http.request.method': this.#method,
        'url.scheme': this.#secure ? 'https' : 'http',
        'http.response.status_code': this.#status,
        ...(route === undefined ? {} : { 'http.route': route }),
      },
      route === undefined ? this.#method : `${this.#method} ${route}`,
      SpanKind.SERVER,
      this.#status >= 500,
    )
    return this.#shape
  }
}

/** What is known of one route: its series by method and status, its P99, its errors. */
export class RouteStats {
  readonly route: string | undefined
  readonly #family: Family<HistogramSeries>
  readonly #kinds = new Map<string, Map<number, RequestKind>>()
  /** The kind recorded last: the next request is most likely of the same. */
  #latest: RequestKind | undefined = undefined
  #latestMethod = ''
  #latestKey = 0
  readonly #recent = new ExponentialHistogram()
  /** Durations in s that are not in `#recent` yet: it is fed in runs, which costs a third. */
  readonly #fresh = new Float64Array(freshMost)
  #freshCount = 0
  #untilJudged = slowAfter
  /** Requests that take longer than this, in s, are slow: the P99 of the route. */
  slowSeconds: number = Number.POSITIVE_INFINITY
  requests = 0
  errors = 0
  /** True where the request just recorded was the first of its kind in five minutes. */
  rare = false
  /** True where it took longer than the route's P99. */
  slow = false

  constructor(route: string | undefined, family: Family<HistogramSeries>) {
    this.route = route
    this.#family = family
  }

  readonly #slotRequests = new Float64Array(windowSlots)
  readonly #slotErrors = new Float64Array(windowSlots)
  #slot = 0
  #slotEndMs = Number.NEGATIVE_INFINITY
  #boostedUntilMs = Number.NEGATIVE_INFINITY

  /** True while its error rate is, or was a moment ago, above 1 %. */
  boostedAt(nowMs: number): boolean {
    return nowMs < this.#boostedUntilMs
  }

  /** Counts one request; returns its kind. Sets `rare` and `slow`. */
  record(
    method: string,
    status: number,
    secure: boolean,
    seconds: number,
    nowMs: number,
  ): RequestKind {
    const key = secure ? -status : status
    let kind = this.#latest
    if (kind === undefined || key !== this.#latestKey || method !== this.#latestMethod)
      kind = this.#find(method, status, secure)
    this.rare = nowMs - kind.lastMs >= rareAfterMs
    this.slow = seconds > this.slowSeconds
    kind.lastMs = nowMs
    kind.series.record(seconds)
    this.requests++
    if (nowMs >= this.#slotEndMs) this.#turn(nowMs)
    this.#slotRequests[this.#slot] = (this.#slotRequests[this.#slot] as number) + 1
    if (status >= 500) this.#failed(nowMs)
    this.#fresh[this.#freshCount++] = seconds
    if (this.#freshCount === freshMost) this.#judge()
    return kind
  }

  #find(method: string, status: number, secure: boolean): RequestKind {
    const name = method === '' ? '' : methodName(method)
    let byStatus = this.#kinds.get(name)
    if (!byStatus) {
      byStatus = new Map()
      this.#kinds.set(name, byStatus)
    }
    const key = secure ? -status : status
    let kind = byStatus.get(key)
    if (!kind) {
      const series = this.#family.series(this.#attributes(name, status, secure))
      kind = new RequestKind(series, name, status, secure)
      byStatus.set(key, kind)
    }
    this.#latest = kind
    this.#latestMethod = method
    this.#latestKey = key
    return kind
  }

  /** Begins the second of `nowMs`, and forgets those that were left out or lie too far back. */
  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    const passed = Math.min(windowSlots, second + 1 - this.#slotEndMs / 1000)
    this.#slot = ((second % windowSlots) + windowSlots) % windowSlots
    this.#slotEndMs = (second + 1) * 1000
    for (let back = 0; back < passed; back++) {
      const at = (this.#slot - back + windowSlots) % windowSlots
      this.#slotRequests[at] = 0
      this.#slotErrors[at] = 0
    }
  }

  #failed(nowMs: number): void {
    this.errors++
    this.#slotErrors[this.#slot] = (this.#slotErrors[this.#slot] as number) + 1
    let requests = 0
    let errors = 0
    for (let index = 0; index < windowSlots; index++) {
      requests += this.#slotRequests[index] as number
      errors += this.#slotErrors[index] as number
    }
    const least = this.boostedAt(nowMs) ? calmBelow : boostAbove
    if (requests >= windowLeast && errors > least * requests)
      this.#boostedUntilMs = nowMs + coolDownMs
  }

  #attributes(method: string, status: number, secure: boolean): Attributes {
    return {
      'http.request.method': method,
      'url.scheme': secure ? 'https' : 'http',
      'http.response.status_code': status,
      ...(this.route === undefined ? {} : { 'http.route': this.route }),
      ...(status >= 500 ? { 'error.type': String(status) } : {}),
    }
  }

  #judge(): void {
    for (let at = 0; at < freshMost; at++) this.#recent.record(this.#fresh[at] as number)
    this.#freshCount = 0
    this.#untilJudged -= freshMost
    if (this.#untilJudged > 0) return
    this.#untilJudged = judgedEvery
    // The upper edge of the bucket: what is in the bucket of the P99 is not above it.
    const p99 = this.#recent.quantile(0.99)
    if (p99 !== undefined) this.slowSeconds = p99 * 1.011
    // Keep about the last 8192 requests in mind, so that a route that changed is judged anew.
    if (this.#recent.count >= 8192) this.#recent.clear()
  }
}

const knownMethods = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
])

/** The method as an attribute: `_OTHER` for what semantic conventions do not list. */
export function methodName(method: string): string {
  return knownMethods.has(method) ? method : '_OTHER'
}

/** All routes of a program. */
export class RouteTable {
  readonly #family: Family<HistogramSeries>
  readonly #routes = new Map<string, RouteStats>()
  readonly #unrouted: RouteStats
  readonly #overflow: RouteStats
  #latest: RouteStats
  /** Paths of routes that fail: the route is not known yet when a trace begins. */
  readonly #failing = new Map<string, RouteStats>()

  constructor(family: Family<HistogramSeries>) {
    this.#family = family
    this.#unrouted = new RouteStats(undefined, family)
    this.#overflow = new RouteStats('_OTHER', family)
    this.#latest = this.#overflow
  }

  /** Remembers that requests to `path` belong to a route that fails. */
  learn(path: string, stats: RouteStats): void {
    if (this.#failing.size < pathsMax) this.#failing.set(placeOf(path, stats.route), stats)
  }

  /** True where the path of `request` most likely belongs to a route that fails now. */
  failing(request: { readonly path: string }, nowMs: number): boolean {
    if (this.#failing.size === 0) return false
    const { path } = request
    const stats = this.#failing.get(path) ?? this.#failing.get(folderOf(path))
    if (!stats) return false
    if (stats.boostedAt(nowMs)) return true
    // The route has recovered: nobody asks for its paths again until it fails anew.
    for (const [known, other] of this.#failing) if (other === stats) this.#failing.delete(known)
    return false
  }

  /** The entry of `route`; undefined is the entry of requests no route matched. O(1). */
  of(route: string | undefined): RouteStats {
    if (route === undefined) return this.#unrouted
    if (this.#latest.route === route) return this.#latest
    const known = this.#routes.get(route)
    if (known) return (this.#latest = known)
    if (this.#routes.size >= routesMax) return this.#overflow
    const made = new RouteStats(route, this.#family)
    this.#routes.set(route, made)
    return made
  }

  all(): readonly RouteStats[] {
    return [...this.#routes.values()]
  }
}

/** The path itself for a route without parameters, else the folder it is in. */
function placeOf(path: string, route: string | undefined): string {
  return route === undefined || route.includes('{') || route.includes('*') ? folderOf(path) : path
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}
