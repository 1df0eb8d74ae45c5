import type { RequestDirectives } from './cache-control.ts'
import { fieldValue, type FieldList } from './fields.ts'
import {
  freshnessLifetime,
  heuristicStatuses,
  type DoubtfulAge,
  type HeuristicRules,
  type Lifetime,
  type ReceivedResponse,
} from './freshness.ts'
import { parseContentRange } from './ranges.ts'
import { effectiveDirectives, type EffectiveDirectives } from './targeted-control.ts'
import { hasValidator } from './validation.ts'
import { varyOf } from './vary.ts'

/** What of a request bears on storing its response. */
export interface StoringRequest {
  readonly method: string
  readonly directives: RequestDirectives
  readonly authorization: boolean
  /** Absolute URL of the target, for Content-Location of a POST. */
  readonly url: string
}

/** What to do with responses that set a cookie. */
export type SetCookiePolicy = 'refuse' | 'strip' | 'store'

/** Choices of the operator that bear on storing. */
export interface StoringRules {
  /** `refuse` (default): not stored unless the response says `public`; `strip`: stored without; `store`: RFC 9111 to the letter. */
  readonly setCookie: SetCookiePolicy
  readonly heuristics: HeuristicRules
  readonly doubtfulAge: DoubtfulAge
  /** How long a stale response may stand in for an origin that cannot be reached, ms. */
  readonly disconnectedMs: number
}

/** May it be stored, and what follows from its headers. */
export type Storing =
  | {
      readonly kind: 'store'
      readonly effective: EffectiveDirectives
      readonly lifetime: Lifetime
      /** Fields that must not be stored with it (qualified no-cache and private, stripped cookies). */
      readonly omit: ReadonlySet<string>
    }
  | { readonly kind: 'refuse'; readonly why: StoringRefusal }

/** Why a response is not stored; the `detail` of Cache-Status. */
export type StoringRefusal =
  | 'method'
  | 'status'
  | 'not-understood'
  | 'no-store'
  | 'request-no-store'
  | 'private'
  | 'authorization'
  | 'vary-any'
  | 'set-cookie'
  | 'no-freshness'
  | 'content-range'

/** Final statuses whose caching rules this cache implements (RFC 9111 section 5.2.2.3). */
const understoodStatuses: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501,
])

const refuse = (why: StoringRefusal): Storing => ({ kind: 'refuse', why })

/** Decides whether a response may be stored in a shared cache (RFC 9111 section 3). */
export function storing(
  request: StoringRequest,
  response: ReceivedResponse,
  rules: StoringRules,
): Storing {
  const { status, headers } = response
  const effective = effectiveDirectives(headers)
  const { directives } = effective
  if (status < 200 || status === 304) return refuse('status')
  if (directives.mustUnderstand) {
    if (!understoodStatuses.has(status)) return refuse('not-understood')
  } else if (directives.noStore) return refuse('no-store')
  if (request.directives.noStore) return refuse('request-no-store')
  if (directives.private) return refuse('private')
  if (request.authorization && !sharedDespiteAuthorization(effective))
    return refuse('authorization')
  if (varyOf(headers).kind === 'any') return refuse('vary-any')
  const lifetime = freshnessLifetime(response, effective, rules.heuristics)
  if (!storableMethod(request, headers, lifetime)) return refuse('method')
  if (!mayReuse(response, effective, lifetime)) return refuse('no-freshness')
  if (status === 206 && !parseContentRange(fieldValue(headers, 'content-range')))
    return refuse('content-range')
  const omit = new Set([...directives.noCacheFields, ...directives.privateFields])
  const cookie = fieldValue(headers, 'set-cookie') !== undefined && !omit.has('set-cookie')
  if (cookie && rules.setCookie === 'strip') omit.add('set-cookie')
  if (cookie && rules.setCookie === 'refuse' && !directives.public) return refuse('set-cookie')
  return { kind: 'store', effective, lifetime, omit }
}

/** RFC 9111 section 3.5. */
function sharedDespiteAuthorization({ directives }: EffectiveDirectives): boolean {
  return directives.public || directives.mustRevalidate || directives.sMaxage !== undefined
}

/** GET; or POST with explicit freshness and its own URL in Content-Location (RFC 9110 section 9.3.3). */
function storableMethod(request: StoringRequest, headers: FieldList, lifetime: Lifetime): boolean {
  if (request.method === 'GET') return true
  if (request.method !== 'POST') return false
  const explicit = ['targeted', 's-maxage', 'max-age', 'expires'].includes(lifetime.source)
  const location = fieldValue(headers, 'content-location')
  if (!explicit || location === undefined || !URL.canParse(location, request.url)) return false
  return new URL(location, request.url).href === new URL(request.url).href
}

/** Something must let it be reused: freshness, or a validator that lets it become fresh again. */
function mayReuse(
  { status, headers }: ReceivedResponse,
  { directives }: EffectiveDirectives,
  lifetime: Lifetime,
): boolean {
  const explicit = lifetime.source !== 'none' && lifetime.source !== 'heuristic'
  if (!explicit && !directives.public && !heuristicStatuses.has(status)) return false
  return (lifetime.ms > 0 && !directives.noCache) || hasValidator(headers)
}
