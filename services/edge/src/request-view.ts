import type { Request } from '@spate/http/exchange'
import { parseRequestDirectives, type RequestDirectives } from './domain/cache-control.ts'

/** What of a request's fields matters to a cache, as bits: most requests have none of them. */
export const flags = {
  conditional: 1,
  control: 2,
  range: 4,
  authorization: 8,
  /** If-Match or If-Unmodified-Since: for the origin to judge (RFC 9111 section 4.3.2). */
  precondition: 16,
  /** Says it is of another node; true only once that is verified. */
  peer: 32,
} as const

const flagOf: Readonly<Record<string, number>> = {
  range: flags.range,
  'if-range': flags.range,
  pragma: flags.control,
  'cache-control': flags.control,
  'if-none-match': flags.conditional,
  'if-modified-since': flags.conditional,
  'if-match': flags.precondition,
  'if-unmodified-since': flags.precondition,
  authorization: flags.authorization,
  'spate-peer': flags.peer,
}

/** Bits of the fields `raw` holds; `raw` is flat: name, value. One pass, no copies for most names. */
export function flagsOf(raw: readonly string[]): number {
  let found = 0
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    switch (name.length) {
      case 5:
      case 6:
      case 8:
      case 10:
      case 13:
      case 17:
      case 19:
        found |= flagOf[name.toLowerCase()] ?? 0
        break
      default:
    }
  }
  return found
}

/** The request's cache directives; those of nobody where it has none. */
export function directivesOf(request: Request, bits: number, honour: boolean): RequestDirectives {
  if (!honour || (bits & flags.control) === 0) return noWishes
  return parseRequestDirectives(request.headers.get('cache-control'), request.headers.get('pragma'))
}

const noWishes: RequestDirectives = parseRequestDirectives(undefined, undefined)

/** True where the request carries no body. */
export function bodyless(request: Request): boolean {
  const { body } = request
  return body.length === 0 || (body.whole !== undefined && body.whole.length === 0)
}
