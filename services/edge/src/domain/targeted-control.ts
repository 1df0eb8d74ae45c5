import { parseDictionary, Token, type Dictionary } from 'structured-headers'
import {
  apply,
  deltaSecondsMax,
  noDirectives,
  parseResponseDirectives,
  type ResponseDirectives,
} from './cache-control.ts'
import { fieldValue, type FieldList } from './fields.ts'

/** Target list of this cache, most specific first (RFC 9213 section 2.2). */
export const targetFields = ['spate-cache-control', 'cdn-cache-control'] as const

/** What rules a response in this cache. */
export interface EffectiveDirectives {
  readonly directives: ResponseDirectives
  /** The targeted field that was used; undefined where `Cache-Control` rules. */
  readonly targeted: string | undefined
}

const secondsDirectives = new Set([
  'max-age',
  's-maxage',
  'stale-while-revalidate',
  'stale-if-error',
])

/**
 * The directives to obey: those of the first valid, non-empty targeted field, and then neither
 * `Cache-Control` nor `Expires` counts; else `Cache-Control` (RFC 9213 section 2.2).
 */
export function effectiveDirectives(headers: FieldList): EffectiveDirectives {
  for (const name of targetFields) {
    const value = fieldValue(headers, name)
    const directives = value === undefined ? undefined : parseTargeted(value)
    if (directives) return { directives, targeted: name }
  }
  return {
    directives: parseResponseDirectives(fieldValue(headers, 'cache-control')),
    targeted: undefined,
  }
}

/**
 * Reads a targeted field as a Dictionary (RFC 9213 section 2.1); undefined where it does not parse
 * or holds no usable member: the field is then ignored whole, and a member of the wrong type alone.
 */
export function parseTargeted(value: string): ResponseDirectives | undefined {
  let dictionary: Dictionary
  try {
    dictionary = parseDictionary(value)
  } catch {
    // Not a Structured Field: RFC 9213 section 2.2 says to act as if it were absent.
    return undefined
  }
  const directives = noDirectives()
  let usable = 0
  for (const [name, [item]] of dictionary) {
    if (Array.isArray(item) || item === false) continue
    const argument = argumentOf(name, item)
    if (argument === false) continue
    usable++
    apply(directives, name, argument)
  }
  return usable > 0 ? directives : undefined
}

/** The argument as text, undefined for none, false for a wrong type. */
function argumentOf(name: string, item: unknown): string | undefined | false {
  if (secondsDirectives.has(name)) {
    if (typeof item !== 'number' || !Number.isInteger(item)) return false
    return item < 0 ? 'negative' : String(Math.min(item, deltaSecondsMax))
  }
  if (item === true) return undefined
  if (typeof item === 'string') return item
  return item instanceof Token ? item.toString() : undefined
}
