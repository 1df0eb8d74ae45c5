import { cacheName } from './cache-status.ts'

/** What the cache did for a request, in one word; `none`: it was refused before it was looked up. */
export const cacheResults = ['hit', 'stale', 'miss', 'pass', 'none'] as const

/** One of `cacheResults`. */
export type CacheResult = (typeof cacheResults)[number]

/** The result that this cache's own member of a Cache-Status field tells: the last one. */
export function cacheResultOf(field: string | undefined): CacheResult {
  const at = field === undefined ? -1 : field.lastIndexOf(`${cacheName}; `)
  if (field === undefined || at < 0) return 'none'
  const member = field.slice(at + cacheName.length + 2)
  const stale = /; detail=(?:stale-|max-stale)/.test(member)
  if (member.startsWith('hit')) return stale ? 'stale' : 'hit'
  if (/^fwd=(?:bypass|method)/.test(member)) return 'pass'
  if (member.startsWith('fwd=')) return stale ? 'stale' : 'miss'
  return 'none'
}
