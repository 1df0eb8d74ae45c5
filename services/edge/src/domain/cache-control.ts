import { listMembers, unquoted } from './fields.ts'

/** Directives of a response (RFC 9111 section 5.2.2, RFC 5861). Seconds are undefined where absent. */
export interface ResponseDirectives {
  noStore: boolean
  /** Unqualified `no-cache`; fields of the qualified form are in `noCacheFields`. */
  noCache: boolean
  noCacheFields: string[]
  /** Unqualified `private`; fields of the qualified form are in `privateFields`. */
  private: boolean
  privateFields: string[]
  public: boolean
  mustRevalidate: boolean
  proxyRevalidate: boolean
  mustUnderstand: boolean
  noTransform: boolean
  maxAge: number | undefined
  sMaxage: number | undefined
  staleWhileRevalidate: number | undefined
  staleIfError: number | undefined
}

/** Directives of a request (RFC 9111 section 5.2.1). Seconds are undefined where absent. */
export interface RequestDirectives {
  readonly noStore: boolean
  readonly noCache: boolean
  readonly onlyIfCached: boolean
  readonly maxAge: number | undefined
  readonly minFresh: number | undefined
  /** Infinity where the directive has no value. */
  readonly maxStale: number | undefined
  readonly staleIfError: number | undefined
}

/** Largest delta-seconds kept; larger ones count as this (RFC 9111 section 1.2.2). */
export const deltaSecondsMax = 2_147_483_648

/** Directives that say nothing. */
export function noDirectives(): ResponseDirectives {
  return {
    noStore: false,
    noCache: false,
    noCacheFields: [],
    private: false,
    privateFields: [],
    public: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    noTransform: false,
    maxAge: undefined,
    sMaxage: undefined,
    staleWhileRevalidate: undefined,
    staleIfError: undefined,
  }
}

/** Reads a response's `Cache-Control`. Unknown directives are passed over (RFC 9111 section 5.2.3). */
export function parseResponseDirectives(value: string | undefined): ResponseDirectives {
  const directives = noDirectives()
  for (const [name, argument] of directivePairs(value)) apply(directives, name, argument)
  return directives
}

/** Sets one directive; used for Cache-Control and for targeted fields. */
export function apply(to: ResponseDirectives, name: string, argument: string | undefined): void {
  switch (name) {
    case 'no-store':
      to.noStore = true
      return
    case 'no-cache':
      if (argument === undefined) to.noCache = true
      else to.noCacheFields.push(...fieldNames(argument))
      return
    case 'private':
      if (argument === undefined) to.private = true
      else to.privateFields.push(...fieldNames(argument))
      return
    case 'public':
      to.public = true
      return
    case 'must-revalidate':
      to.mustRevalidate = true
      return
    case 'proxy-revalidate':
      to.proxyRevalidate = true
      return
    case 'must-understand':
      to.mustUnderstand = true
      return
    case 'no-transform':
      to.noTransform = true
      return
    case 'max-age':
      to.maxAge = least(to.maxAge, seconds(argument))
      return
    case 's-maxage':
      to.sMaxage = least(to.sMaxage, seconds(argument))
      return
    case 'stale-while-revalidate':
      to.staleWhileRevalidate = least(to.staleWhileRevalidate, seconds(argument))
      return
    case 'stale-if-error':
      to.staleIfError = least(to.staleIfError, seconds(argument))
      return
    default:
  }
}

const silentRequest: RequestDirectives = Object.freeze({
  noStore: false,
  noCache: false,
  onlyIfCached: false,
  maxAge: undefined,
  minFresh: undefined,
  maxStale: undefined,
  staleIfError: undefined,
})

/** Reads a request's `Cache-Control`; without one, `Pragma: no-cache` counts as `no-cache` (RFC 9111 section 5.4). */
export function parseRequestDirectives(
  value: string | undefined,
  pragma: string | undefined,
): RequestDirectives {
  if (value === undefined) {
    const noCache = listMembers(pragma).some((member) => member.toLowerCase() === 'no-cache')
    return noCache ? { ...silentRequest, noCache } : silentRequest
  }
  const found = new Map<string, string | undefined>()
  for (const [name, argument] of directivePairs(value)) {
    if (!found.has(name)) found.set(name, argument)
  }
  const given = (name: string): number | undefined =>
    found.has(name) ? seconds(found.get(name)) : undefined
  return {
    noStore: found.has('no-store'),
    noCache: found.has('no-cache'),
    onlyIfCached: found.has('only-if-cached'),
    maxAge: given('max-age'),
    minFresh: given('min-fresh'),
    maxStale:
      found.has('max-stale') && found.get('max-stale') === undefined
        ? Infinity
        : given('max-stale'),
    staleIfError: given('stale-if-error'),
  }
}

function directivePairs(value: string | undefined): [string, string | undefined][] {
  return listMembers(value).map((member) => {
    const equals = member.indexOf('=')
    if (equals < 0) return [member.toLowerCase(), undefined]
    // A blank around `=` is not allowed: the name is still seen, the value is then invalid, so the
    // response is stale rather than fresh for a time nobody can be sure of.
    return [member.slice(0, equals).trimEnd().toLowerCase(), readArgument(member, equals)]
  })
}

function readArgument(member: string, equals: number): string {
  if (member[equals - 1] === ' ' || member[equals - 1] === '\t') return ''
  return unquoted(member.slice(equals + 1))
}

/** Delta-seconds; 0, that is stale, for anything invalid (RFC 9111 section 4.2.1). */
function seconds(argument: string | undefined): number {
  if (argument === undefined || !/^\d+$/.test(argument)) return 0
  return Math.min(Number(argument), deltaSecondsMax)
}

/** Of several values the smallest: first-or-stale is what RFC 9111 section 4.2.1 allows, this is never longer. */
function least(one: number | undefined, other: number): number {
  return one === undefined ? other : Math.min(one, other)
}

function fieldNames(argument: string): string[] {
  return listMembers(argument).map((name) => name.toLowerCase())
}
