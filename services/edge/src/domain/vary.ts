import { fieldValue, listMembers, type FieldList, type FieldSource } from './fields.ts'

/** Which request fields select a response (RFC 9110 section 12.5.5). */
export type Vary =
  | { readonly kind: 'any' }
  | { readonly kind: 'fields'; readonly names: readonly string[] }

/** Reads `Vary`: `*` anywhere in the list means nothing ever matches (RFC 9111 section 4.1). Names are sorted. */
export function varyOf(headers: FieldList): Vary {
  const members = listMembers(fieldValue(headers, 'vary')).map((name) => name.toLowerCase())
  if (members.includes('*')) return { kind: 'any' }
  return { kind: 'fields', names: [...new Set(members)].sort() }
}

/** The selecting values of a request for `names`, normalised; undefined for an absent field. */
export function selectingValues(
  names: readonly string[],
  request: FieldSource,
): readonly (string | undefined)[] {
  return names.map((name) => normalisedSelector(name, request.get(name)))
}

/**
 * A selecting value in a form that is equal for values of equal meaning (RFC 9111 section 4.1):
 * `Accept-Encoding` and `Accept-Language` by preference, all others by members without blanks.
 */
export function normalisedSelector(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  // Not a header but a cookie or a rule: every letter counts.
  if (name.includes(':')) return value
  if (name === 'accept-encoding') return acceptedCodings(value)
  if (name === 'accept-language') return preferences(value).map(written).join(',')
  return listMembers(value).join(',')
}

/** What a stored response is chosen by. */
export interface Selector {
  /** Names from `Vary`, lower case, sorted. */
  readonly names: readonly string[]
  /** Normalised values of the request that brought it; parallel to `names`. */
  readonly values: readonly (string | undefined)[]
  /** Its `Content-Language` where that is one tag, lower case. */
  readonly language: string | undefined
}

/**
 * What a response to `request` will be chosen by: the names of Vary and those `always` taken;
 * undefined for `Vary: *`.
 */
export function selectorOf(
  headers: FieldList,
  request: FieldSource,
  always: readonly string[] = [],
): Selector | undefined {
  const vary = varyOf(headers)
  if (vary.kind === 'any') return undefined
  const names = always.length === 0 ? vary.names : [...new Set([...vary.names, ...always])].sort()
  const languages = listMembers(fieldValue(headers, 'content-language'))
  return {
    names,
    values: selectingValues(names, request),
    language: languages.length === 1 ? languages[0]?.toLowerCase() : undefined,
  }
}

/**
 * True where the stored response may be selected for `request` (RFC 9111 section 4.1). A response
 * in the one language the request likes best matches too: no other choice could be better.
 * O(names).
 */
export function selects(stored: Selector, request: FieldSource): boolean {
  for (let at = 0; at < stored.names.length; at++) {
    const name = stored.names[at] as string
    const value = request.get(name)
    if (normalisedSelector(name, value) === stored.values[at]) continue
    if (name !== 'accept-language' || value === undefined || stored.language === undefined)
      return false
    const [best, second] = preferences(value)
    if (best?.name !== stored.language || best.quality <= 0) return false
    if (second && second.quality >= best.quality) return false
  }
  return true
}

interface Preference {
  readonly name: string
  /** 0 to 1 in thousandths (RFC 9110 section 12.4.2). */
  readonly quality: number
}

function preferences(value: string): Preference[] {
  const found: Preference[] = []
  for (const member of listMembers(value)) {
    const [name = '', ...parameters] = member.split(';').map((part) => part.trim().toLowerCase())
    if (name !== '') found.push({ name, quality: qualityOf(parameters) })
  }
  // Order among equals has no meaning (RFC 9110 section 12.5.4), so it must not make a new variant.
  return found.sort((one, other) =>
    one.quality === other.quality ? (one.name < other.name ? -1 : 1) : other.quality - one.quality,
  )
}

function qualityOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  if (weight === undefined) return 1
  const quality = Number(weight.slice(2))
  return Number.isFinite(quality) && quality >= 0 ? Math.min(1, quality) : 1
}

function written({ name, quality }: Preference): string {
  return quality === 1 ? name : `${name};q=${quality}`
}

const knownCodings = ['zstd', 'br', 'gzip'] as const

/**
 * `Accept-Encoding` cut down to the codings an origin may reasonably use, in one order: the value
 * that both selects the variant and goes on to the origin, so that the two can never differ. Empty
 * for identity only. A `*` accepts gzip alone.
 */
export function acceptedCodings(value: string): string {
  const qualities = new Map(
    preferences(value).map(({ name, quality }) => [name === 'x-gzip' ? 'gzip' : name, quality]),
  )
  const any = qualities.get('*') ?? 0
  return knownCodings
    .filter((coding) => (qualities.get(coding) ?? (coding === 'gzip' ? any : 0)) > 0)
    .join(', ')
}
