/** Why a request went on to the origin (RFC 9211 section 2.2). */
export type ForwardReason =
  | 'bypass'
  | 'method'
  | 'uri-miss'
  | 'vary-miss'
  | 'miss'
  | 'request'
  | 'stale'
  | 'partial'

/** What this cache did for one response. */
export interface CacheStatus {
  /** Served without going forward. */
  readonly hit: boolean
  readonly fwd?: ForwardReason
  readonly fwdStatus?: number
  /** Seconds of freshness left; negative for a stale answer. */
  readonly ttl?: number
  readonly stored?: boolean
  readonly collapsed?: boolean
  readonly key?: string
  /** A token: `stale-while-revalidate`, `no-store`. */
  readonly detail?: string
}

/** Name of this cache in `Cache-Status` and pseudonym in `Via`. */
export const cacheName = 'spate'

/** One member of `Cache-Status` (RFC 9211 section 2). */
export function cacheStatus(status: CacheStatus): string {
  let text = status.hit ? `${cacheName}; hit` : cacheName
  if (status.fwd !== undefined && !status.hit) text += `; fwd=${status.fwd}`
  if (status.fwdStatus !== undefined) text += `; fwd-status=${status.fwdStatus}`
  if (status.ttl !== undefined) text += `; ttl=${status.ttl}`
  if (status.stored) text += '; stored'
  if (status.collapsed) text += '; collapsed'
  if (status.key !== undefined) text += keyParameter(status.key)
  if (status.detail !== undefined) text += `; detail=${status.detail}`
  return text
}

/** `; key="..."`; empty where the key has letters a String cannot hold (RFC 9651 section 3.3.3). */
export function keyParameter(key: string): string {
  if (/^[ !#-[\]-~]*$/.test(key)) return `; key="${key}"`
  if (!/^[\u0020-\u007e]*$/.test(key)) return ''
  return `; key="${key.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}

/** The field with this cache's member put after those of caches nearer the origin (RFC 9211 section 2). */
export function appendStatus(upstream: string | undefined, own: string): string {
  return upstream === undefined || upstream === '' ? own : `${upstream}, ${own}`
}
