import type { Attributes } from '@opentelemetry/api'
import { ExponentialHistogram } from './exponential-histogram.ts'
import type { Family, HistogramSeries } from './metrics.ts'

/** Routes held; later ones share one entry. */
export const routesMax = 500
/** Requests after which a route's P99 is worked out anew. */
const judgedEvery = 512
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

interface Seen {
  readonly series: HistogramSeries
  lastMs: number
}

/** What is known of one route: its series by method and status, its P99, its errors. */
export class RouteStats {
  readonly route: string | undefined
  readonly #family: Family<HistogramSeries>
  readonly #seen = new Map<string, Map<number, Seen>>()
  readonly #recent = new ExponentialHistogram()
  #until = slowAfter
  /** Requests that take longer than this, in s, are slow: the P99 of the route. */
  slowSeconds: number = Number.POSITIVE_INFINITY
  requests = 0
  errors = 0
  /** True where the request just recorded was the first of its kind in five minutes. */
  rare = false

  constructor(route: string | undefined, family: Family<HistogramSeries>) {
    this.route = route
    this.#family = family
  }

  readonly #slotRequests = new Float64Array(windowSlots)
  readonly #slotErrors = new Float64Array(windowSlots)
  #slot = 0
  #boostedUntilMs = Number.NEGATIVE_INFINITY

  /** True while its error rate is, or was a moment ago, above 1 %. */
  boostedAt(nowMs: number): boolean {
    return nowMs < this.#boostedUntilMs
  }

  #window(failed: boolean, nowMs: number): void {
    const slot = Math.floor(nowMs / 1000)
    if (slot !== this.#slot) {
      const passed = Math.min(windowSlots, Math.max(1, slot - this.#slot))
      for (let back = 0; back < passed; back++) {
        const at = (((slot - back) % windowSlots) + windowSlots) % windowSlots
        this.#slotRequests[at] = 0
        this.#slotErrors[at] = 0
      }
      this.#slot = slot
    }
    const at = ((slot % windowSlots) + windowSlots) % windowSlots
    this.#slotRequests[at] = (this.#slotRequests[at] as number) + 1
    if (!failed) return
    this.#slotErrors[at] = (this.#slotErrors[at] as number) + 1
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

  /** Counts one request; returns its series. Sets `rare`. */
  record(
    method: string,
    status: number,
    secure: boolean,
    seconds: number,
    nowMs: number,
  ): HistogramSeries {
    let byStatus = this.#seen.get(method)
    if (!byStatus) {
      byStatus = new Map()
      this.#seen.set(method, byStatus)
    }
    const key = secure ? -status : status
    let seen = byStatus.get(key)
    if (!seen) {
      seen = {
        series: this.#family.series(this.#attributes(method, status, secure)),
        lastMs: -rareAfterMs,
      }
      byStatus.set(key, seen)
    }
    this.rare = nowMs - seen.lastMs >= rareAfterMs
    seen.lastMs = nowMs
    seen.series.record(seconds)
    this.requests++
    if (status >= 500) this.errors++
    this.#window(status >= 500, nowMs)
    this.#recent.record(seconds)
    if (--this.#until <= 0) this.#judge()
    return seen.series
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
    this.#until = judgedEvery
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
  /** Paths of routes that fail: the route is not known yet when a trace begins. */
  readonly #failing = new Map<string, RouteStats>()

  constructor(family: Family<HistogramSeries>) {
    this.#family = family
    this.#unrouted = new RouteStats(undefined, family)
    this.#overflow = new RouteStats('_OTHER', family)
  }

  /** Remembers that requests to `path` belong to a route that fails. */
  learn(path: string, stats: RouteStats): void {
    if (this.#failing.size < pathsMax) this.#failing.set(placeOf(path, stats.route), stats)
  }

  /** True where `path` most likely belongs to a route that fails now. */
  failing(path: string, nowMs: number): boolean {
    if (this.#failing.size === 0) return false
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
    const known = this.#routes.get(route)
    if (known) return known
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
