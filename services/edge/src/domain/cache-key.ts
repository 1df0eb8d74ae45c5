/** How request targets become cache keys. */
export interface KeyRules {
  /** Query names that do not select content; a trailing `*` matches a prefix (`utm_*`). */
  readonly dropQuery: readonly string[]
  /** Sort query parameters by name; those of one name keep their order. */
  readonly sortQuery: boolean
}

/** What of a request names the resource. */
export interface KeyTarget {
  readonly secure: boolean
  /** Host with port as asked for, lower case. */
  readonly host: string
  readonly path: string
  /** Without `?`; empty where there is none. */
  readonly query: string
}

/**
 * The cache key: the URL itself, scheme, host and port included, so that no two resources of
 * different origins can ever share one (RFC 9111 section 2). The path is taken byte for byte:
 * `%2f`, `;x`, `//` and `..` stay what they are, because the origin may tell them apart. A URL
 * cannot hold a blank or control letter, so no part can pose as another. O(query).
 */
export function cacheKey(target: KeyTarget, rules: KeyRules): string {
  const base = `${target.secure ? 'https' : 'http'}://${canonicalHost(target.host, target.secure)}${target.path}`
  if (target.query === '') return base
  const query = canonicalQuery(target.query, rules)
  return query === '' ? base : `${base}?${query}`
}

/** Host without the default port and the root's dot. */
export function canonicalHost(host: string, secure: boolean): string {
  const port = secure ? ':443' : ':80'
  const bare = host.endsWith(port) ? host.slice(0, -port.length) : host
  if (!bare.includes('.')) return bare
  const colon = bare.lastIndexOf(':')
  const name = colon > 0 && !bare.endsWith(']') ? bare.slice(0, colon) : bare
  return name.endsWith('.') ? name.slice(0, -1) + bare.slice(name.length) : bare
}

/** Query without dropped names, sorted where the rules say so. Empty members stay: origins may see them. */
export function canonicalQuery(query: string, { dropQuery, sortQuery }: KeyRules): string {
  if (!query.includes('&') && dropQuery.length === 0) return query
  const parts = keptQuery(query, dropQuery).split('&')
  if (sortQuery && parts.length > 1) {
    // Array.sort is stable (ECMA-262), so `a=1&a=2` and `a=2&a=1` stay two keys.
    parts.sort((one, other) => {
      const [left, right] = [nameOf(one), nameOf(other)]
      return left < right ? -1 : left > right ? 1 : 0
    })
  }
  return parts.join('&')
}

/** Query without dropped names, in the order it came; the text itself where nothing is dropped. */
export function keptQuery(query: string, dropQuery: readonly string[]): string {
  if (dropQuery.length === 0 || query === '') return query
  const parts = query.split('&')
  const kept = parts.filter((part) => !isDropped(nameOf(part), dropQuery))
  return kept.length === parts.length ? query : kept.join('&')
}

/** True for `host`, `host:port`, `[v6]:port` without userinfo or odd letters (RFC 9110 section 7.2). */
export function isPlainHost(host: string): boolean {
  return /^(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9._])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/.test(host)
}

function nameOf(part: string): string {
  const equals = part.indexOf('=')
  return equals < 0 ? part : part.slice(0, equals)
}

function isDropped(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  )
}
