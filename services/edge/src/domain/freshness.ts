import type { RequestDirectives, ResponseDirectives } from './cache-control.ts'
import { fieldLines, fieldValue, listMembers, type FieldList } from './fields.ts'
import { parseHttpDate } from './http-date.ts'
import type { EffectiveDirectives } from './targeted-control.ts'

/** A response as it came, with the moments that matter for its age. All times are wall ms. */
export interface ReceivedResponse {
  readonly status: number
  readonly headers: FieldList
  readonly requestTimeMs: number
  readonly responseTimeMs: number
}

/** How long a response is fresh and where that comes from. */
export interface Lifetime {
  readonly ms: number
  readonly source:
    | 'ruled'
    | 'targeted'
    | 's-maxage'
    | 'max-age'
    | 'expires'
    | 'heuristic'
    | 'default'
    | 'none'
}

/** Limits of what is guessed where the origin is silent. */
export interface HeuristicRules {
  /** Share of the time since Last-Modified (RFC 9111 section 4.2.2 suggests 0.1). */
  readonly fraction: number
  readonly lifetimeMsMax: number
  /** Lifetime by status where headers give none, ms: negative caching (`{404: 10_000}`). */
  readonly byStatus: Readonly<Record<number, number>>
  /** Lifetime the operator rules for what went well, whatever its headers say, ms. */
  readonly ruledMs?: number
}

/** Heuristics of RFC 9111: a tenth of the age, a day at most, nothing by status. */
export const plainHeuristics: HeuristicRules = {
  fraction: 0.1,
  lifetimeMsMax: 86_400_000,
  byStatus: {},
}

/** Statuses whose responses are cacheable without explicit freshness (RFC 9110 section 15.1). */
export const heuristicStatuses: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501,
])

/** Statuses whose freshness an operator may rule; errors have `byStatus`. */
const ruledStatuses: ReadonlySet<number> = new Set([200, 203, 204, 206, 300, 301, 302, 307, 308])

/** The time a response stays fresh (RFC 9111 sections 4.2.1 and 4.2.2). */
export function freshnessLifetime(
  response: ReceivedResponse,
  { directives, targeted }: EffectiveDirectives,
  heuristics: HeuristicRules = plainHeuristics,
): Lifetime {
  if (heuristics.ruledMs !== undefined && ruledStatuses.has(response.status))
    return { ms: heuristics.ruledMs, source: 'ruled' }
  const source = targeted === undefined ? undefined : 'targeted'
  if (directives.sMaxage !== undefined)
    return { ms: directives.sMaxage * 1000, source: source ?? 's-maxage' }
  if (directives.maxAge !== undefined)
    return { ms: directives.maxAge * 1000, source: source ?? 'max-age' }
  if (targeted === undefined) {
    const expires = expiresLifetime(response)
    if (expires !== undefined) return { ms: expires, source: 'expires' }
  }
  return guessedLifetime(response, directives, heuristics)
}

function expiresLifetime({ headers, responseTimeMs }: ReceivedResponse): number | undefined {
  const lines = fieldLines(headers, 'expires')
  if (lines.length === 0) return undefined
  // Two values, or one that is no date, mean "already expired" (RFC 9111 sections 4.2.1 and 5.3).
  const expires = lines.length === 1 ? parseHttpDate(lines[0], responseTimeMs) : undefined
  if (expires === undefined) return 0
  return Math.max(0, expires - dateOf(headers, responseTimeMs))
}

function guessedLifetime(
  response: ReceivedResponse,
  directives: ResponseDirectives,
  heuristics: HeuristicRules,
): Lifetime {
  const { status, headers, responseTimeMs } = response
  const none: Lifetime = { ms: 0, source: 'none' }
  if (!heuristicStatuses.has(status) && !directives.public) return none
  const modified = parseHttpDate(fieldValue(headers, 'last-modified'), responseTimeMs)
  if (modified !== undefined) {
    const since = dateOf(headers, responseTimeMs) - modified
    const ms = Math.min(Math.max(0, since * heuristics.fraction), heuristics.lifetimeMsMax)
    return { ms: Math.floor(ms), source: 'heuristic' }
  }
  const fixed = heuristics.byStatus[status]
  return fixed === undefined ? none : { ms: fixed, source: 'default' }
}

/** `Date` in ms; the time of receipt where it is missing or invalid (RFC 9110 section 6.6.1). */
export function dateOf(headers: FieldList, responseTimeMs: number): number {
  return parseHttpDate(fieldValue(headers, 'date'), responseTimeMs) ?? responseTimeMs
}

/**
 * What to think of an `Age` that is no plain number. `ignore`: RFC 9111 section 5.1, the field does
 * not count. `stale`: whoever wrote it is in doubt about the age, so the response is not fresh.
 */
export type DoubtfulAge = 'ignore' | 'stale'

/** `Age` in ms: the first member where that is delta-seconds, else 0 (RFC 9111 section 5.1). */
export function ageValueMs(headers: FieldList): number {
  const first = listMembers(fieldValue(headers, 'age'))[0]
  return first !== undefined && /^\d+$/.test(first) ? Math.min(Number(first), 2 ** 31) * 1000 : 0
}

/**
 * True where `Age` is no number, or stands on several lines: then two hops disagree (RFC 9110
 * section 5.5: one that joined the lines left `, ` behind).
 */
export function ageIsDoubtful(headers: FieldList): boolean {
  const value = fieldValue(headers, 'age')
  if (value === undefined) return false
  return value.includes(', ') || !/^\d+$/.test(listMembers(value)[0] ?? '')
}

/** Age a response had when it arrived, ms (RFC 9111 section 4.2.3, `corrected_initial_age`). */
export function initialAgeMs(response: ReceivedResponse): number {
  const { headers, requestTimeMs, responseTimeMs } = response
  // Date has whole seconds: compared with a finer clock it would seem up to a second old.
  const arrivedMs = Math.floor(responseTimeMs / 1000) * 1000
  const apparent = Math.max(0, arrivedMs - dateOf(headers, arrivedMs))
  const delay = Math.max(0, responseTimeMs - requestTimeMs)
  return Math.max(apparent, ageValueMs(headers) + delay)
}

/** What is kept with a stored response to tell its age and freshness at any time. */
export interface Timing {
  readonly responseTimeMs: number
  readonly initialAgeMs: number
  readonly lifetimeMs: number
  /** Wall ms up to which it is fresh; less than now for one that must always be validated. */
  readonly freshUntilMs: number
  /** How long past `freshUntilMs` it may be served while it is validated (RFC 5861 section 3). */
  readonly staleWhileRevalidateMs: number
  /** How long past `freshUntilMs` it may be served where the origin fails (RFC 5861 section 4). */
  readonly staleIfErrorMs: number
  /** True where it must never be served stale, nor stale by the client's wish. */
  readonly neverStale: boolean
}

/** Puts lifetime, age and stale allowances together (RFC 9111 sections 4.2 and 4.2.4). */
export function timingOf(
  response: ReceivedResponse,
  effective: EffectiveDirectives,
  lifetime: Lifetime,
  doubtfulAge: DoubtfulAge = 'ignore',
): Timing {
  const { directives } = effective
  const age = initialAgeMs(response)
  const strict = directives.mustRevalidate || directives.proxyRevalidate || directives.noCache
  const doubtful = doubtfulAge === 'stale' && ageIsDoubtful(response.headers)
  const lifetimeMs = directives.noCache || doubtful ? 0 : lifetime.ms
  return {
    responseTimeMs: response.responseTimeMs,
    initialAgeMs: age,
    lifetimeMs,
    freshUntilMs: response.responseTimeMs + lifetimeMs - age,
    staleWhileRevalidateMs: strict ? 0 : (directives.staleWhileRevalidate ?? 0) * 1000,
    staleIfErrorMs: strict ? 0 : (directives.staleIfError ?? 0) * 1000,
    // s-maxage alone forbids stale reuse too (RFC 9111 section 5.2.2.10), save where the same
    // header allows it explicitly.
    neverStale: strict || directives.sMaxage !== undefined,
  }
}

/** Age now, ms (RFC 9111 section 4.2.3, `current_age`). A clock that went back adds nothing. */
export function currentAgeMs(timing: Timing, nowMs: number): number {
  return timing.initialAgeMs + Math.max(0, nowMs - timing.responseTimeMs)
}

/** How a stored response may be used now. */
export type Usability =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'stale-allowed' }
  | { readonly kind: 'stale-while-revalidate' }
  | { readonly kind: 'validate'; readonly why: 'stale' | 'request' }

const fresh: Usability = { kind: 'fresh' }

/** Decides whether a stored response may be used as it is (RFC 9111 sections 4, 4.2.4 and 5.2.1). */
export function usability(timing: Timing, request: RequestDirectives, nowMs: number): Usability {
  const freshForMs = timing.freshUntilMs - nowMs
  if (request.noCache) return { kind: 'validate', why: 'request' }
  const age = currentAgeMs(timing, nowMs)
  if (request.maxAge !== undefined && age > request.maxAge * 1000)
    return { kind: 'validate', why: 'request' }
  if (request.minFresh !== undefined && freshForMs < request.minFresh * 1000)
    return { kind: 'validate', why: 'request' }
  if (freshForMs > 0) return fresh
  if (
    request.maxStale !== undefined &&
    !timing.neverStale &&
    -freshForMs <= request.maxStale * 1000
  )
    return { kind: 'stale-allowed' }
  if (timing.staleWhileRevalidateMs > -freshForMs) return { kind: 'stale-while-revalidate' }
  return { kind: 'validate', why: 'stale' }
}

/**
 * True where a stale response may stand in for an origin that fails: as long as `stale-if-error`
 * says (RFC 5861 section 4), or for `disconnectedMs` where the origin cannot be reached at all and
 * nothing forbids it (RFC 9111 section 4.2.4); 0 for an origin that did answer.
 */
export function staleOnErrorAllowed(
  timing: Timing,
  request: RequestDirectives,
  nowMs: number,
  disconnectedMs = 0,
): boolean {
  const staleForMs = nowMs - timing.freshUntilMs
  if (!timing.neverStale && staleForMs < disconnectedMs) return true
  const fromRequest = timing.neverStale ? 0 : (request.staleIfError ?? 0) * 1000
  const allowed = Math.max(timing.staleIfErrorMs, timing.staleWhileRevalidateMs, fromRequest)
  return allowed > staleForMs
}
